use std::path::Path;
use std::rc::Rc;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{SqlSafeStr, Sqlite, SqlitePool};
use tempfile::TempDir;
use tenancy_sqlx::{SqliteDatabaseStrategy, SqliteRowStrategy, StrategyRegistry, TenantDb, TenantTable};

use super::member;
use crate::{Group, Row};

const SHARED: &str = "create table rows_of_all (tenant_id text not null, id integer not null, body text not null,
        primary key (tenant_id, id)) without rowid;
    with recursive t(t) as (select 1 union all select t + 1 from t where t < 20),
        n(n) as (select 1 union all select n + 1 from n where n < 1000)
    insert into rows_of_all select 't' || t, n, hex(n) from t, n";
const OWN: &str = "create table notes (id integer primary key, body text not null);
    with recursive n(n) as (select 1 union all select n + 1 from n where n < 1000)
    insert into notes select n, hex(n) from n";
const BY_KEY: &str = "select body from notes where id = 500";
const BY_KEY_OF_T1: &str = "select body from rows_of_all where tenant_id = 't1' and id = 500";

pub(crate) fn group() -> Group {
    let folder = Rc::new(tempfile::tempdir().unwrap());
    let group = Group::default().with_longer_turns(5).row(unscoped(&folder));
    ["row", "database"].into_iter().fold(group, |group, strategy| {
        group
            .row(scoped(&folder, strategy, false))
            .against(["unscoped query"], 2.4)
            .row(scoped(&folder, strategy, true))
            .against(["unscoped query"], 2.9)
    })
}

fn unscoped(folder: &Rc<TempDir>) -> Row {
    let folder = Rc::clone(folder);
    let open = async move || {
        drop(tenants(folder.path(), "row").await);
        let file = SqliteConnectOptions::new().filename(folder.path().join("shared.sqlite"));
        (SqlitePoolOptions::new().connect_lazy_with(file), folder)
    };
    Row::prepared("unscoped query", open, async |(pool, _): &(SqlitePool, Rc<TempDir>)| {
        sqlx::query(BY_KEY_OF_T1).fetch_one(pool).await.unwrap();
    })
}

fn scoped(folder: &Rc<TempDir>, strategy: &'static str, writes: bool) -> Row {
    let folder = Rc::clone(folder);
    let member = member(strategy);
    let kind = if writes { "read and write, committed" } else { "read" };
    let open = async move || (tenants(folder.path(), strategy).await, folder);
    let name = format!("{strategy}: {kind}");
    Row::prepared(name, open, async move |(db, _): &(TenantDb<Sqlite>, Rc<TempDir>)| {
        if writes {
            let mut tx = db.begin(&member).await.unwrap();
            sqlx::query(BY_KEY).fetch_one(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        } else {
            let mut tx = db.begin_read(&member).await.unwrap();
            sqlx::query(BY_KEY).fetch_one(&mut *tx).await.unwrap();
        }
    })
}

async fn tenants(folder: &Path, strategy: &str) -> TenantDb<Sqlite> {
    let registry = if strategy == "row" {
        let row = SqliteRowStrategy::builder(folder.join("shared.sqlite"))
            .with_migrations(migration(SHARED))
            .with_table(TenantTable::new("notes", "rows_of_all").unwrap());
        StrategyRegistry::new().with(row.open().await.unwrap())
    } else {
        let database = SqliteDatabaseStrategy::builder(folder.join("tenants")).with_migrations(migration(OWN));
        StrategyRegistry::new().with(database.open().await.unwrap())
    };
    let db = TenantDb::new(registry.unwrap());
    db.provision(member(strategy).tenant()).await.unwrap();
    db
}

pub(super) fn migration(sql: &'static str) -> Migrator {
    let one = Migration::new(1, "bench".into(), MigrationType::Simple, sql.into_sql_str(), false);
    Migrator::with_migrations(vec![one])
}

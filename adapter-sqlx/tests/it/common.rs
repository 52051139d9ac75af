//! What the tests share: two tenants, a table of notes, files that vanish.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses its part, and fails where it cannot be set up"
)]

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Row, SqlSafeStr, Sqlite};
use tempfile::TempDir;
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, StrategyName, Subject};
use tenancy_sqlx::{
    PoolSettings, SqliteRowBuilder, SqliteRowStrategy, StrategyRegistry, TenantDb, TenantTable, TenantTransaction,
};

use crate::across::AcrossTenants as _;

pub const NOTES: &str = "create table notes_rows (
    tenant_id text not null,
    id text not null,
    body text not null default ('no ' || 'body'),
    rank integer default 7,
    length integer generated always as (length(body)) virtual,
    primary key (tenant_id, id)
)";

pub fn migrations(sql: &[&'static str]) -> Migrator {
    let one = |(index, sql): (usize, &&'static str)| {
        let version = i64::try_from(index).unwrap() + 1;
        Migration::new(
            version,
            Cow::Borrowed("test"),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(sql.iter().enumerate().map(one).collect())
}

pub fn record(id: &str, strategy: &'static str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), StrategyName::from_static(strategy))
}

pub fn admitted(id: &str, strategy: &'static str) -> Admitted {
    let job = ResolverName::from_static("test");
    Admitted::dangerously_assume(record(id, strategy), job, Subject::from_static("alice"))
}

pub fn row_tenant(id: &str) -> Admitted {
    admitted(id, "row")
}

pub fn notes_table() -> TenantTable {
    TenantTable::new("notes", "notes_rows").unwrap()
}

pub fn row_options(dir: &TempDir) -> SqliteRowBuilder {
    SqliteRowStrategy::builder(dir.path().join("rows.sqlite"))
        .with_table(notes_table())
        .with_migrations(migrations(&[NOTES]))
        .with_pool(PoolSettings::new().with_max_connections(1))
}

pub async fn row_db(dir: &TempDir) -> TenantDb<Sqlite> {
    let rows = row_options(dir).open().await.unwrap();
    TenantDb::new(StrategyRegistry::new().with(rows).unwrap())
}

/// Two tenants with a note each, on pools of one connection.
pub async fn two_tenants(dir: &TempDir) -> (TenantDb<Sqlite>, Admitted, Admitted) {
    let db = row_db(dir).await;
    let (a, b) = (row_tenant("a"), row_tenant("b"));
    for (tenant, body) in [(&a, "of a"), (&b, "of b")] {
        let mut tx = db.begin(tenant).await.unwrap();
        sqlx::query("insert into notes (id, body) values ('1', ?)")
            .bind(body)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    (db, a, b)
}

pub async fn run(tx: &mut TenantTransaction<Sqlite>, sql: &str) -> Result<usize, sqlx::Error> {
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows.len())
}

pub async fn texts(tx: &mut TenantTransaction<Sqlite>, sql: &str) -> Vec<String> {
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .fetch_all(&mut **tx)
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// What a new borrower of the connection sees of the notes.
pub async fn bodies(db: &TenantDb<Sqlite>, tenant: &Admitted) -> Vec<String> {
    let mut tx = db.begin(tenant).await.unwrap();
    texts(&mut tx, "select body from notes order by id").await
}

/// Every row of the base table, as `tenant/id/body`.
pub async fn base_rows(db: &TenantDb<Sqlite>) -> Vec<String> {
    let mut tx = db.across_tenants().await.unwrap();
    texts(
        &mut tx,
        "select tenant_id || '/' || id || '/' || body from notes_rows order by 1",
    )
    .await
}

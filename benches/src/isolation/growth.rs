//! How a query's cost grows with the number of tenants.
//!
//! Each transaction is another tenant's, in turns, on connections that have seen them all: what is measured is
//! neither a tenant's first query nor one tenant's again and again. Some are under way at a time, as in the group of
//! one tenant.

use std::env;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::{ConnectOptions, Connection, Postgres};
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{
    PgRowStrategy, PgRowTables, PgSchemaStrategy, PgServer, PgTenantTable, PoolSettings, StrategyRegistry, TenantDb,
};

use super::member_of;
use super::postgres::{AT_ONCE, Database, execute, migration};
use crate::{Group, Row};

const SHARED: &str = "create table notes (tenant_id text not null, id bigint not null, body text not null,
    primary key (tenant_id, id))";
const OWN: &str = "create table notes (id bigint primary key, body text not null);
    insert into notes select n, md5(n::text) from generate_series(1, 10) n";
/// As many as there are transactions under way.
const CONNECTIONS: usize = AT_ONCE;
const BY_KEY: &str = "select body from notes where id = 5";

/// Empty where `DATABASE_URL` names no server. A schema takes longer to make than rows do, so there are fewer.
pub(crate) fn group(most: usize) -> Group {
    let Ok(url) = env::var("DATABASE_URL") else {
        return Group::default();
    };
    let group = numbers(most).fold(Group::default().with_longer_turns(10), |group, number| {
        against_one(group.row(row(&url, number)), "row", number)
    });
    numbers(most / 10).fold(group, |group, number| {
        against_one(group.row(schema(&url, number)), "schema", number)
    })
}

fn numbers(most: usize) -> impl Iterator<Item = usize> {
    let few = if most > 1_000 { 100 } else { most / 10 };
    [1, few, most].into_iter()
}

fn name(strategy: &str, number: usize) -> String {
    format!("{strategy}: tenants: {number}")
}

fn against_one(group: Group, strategy: &str, number: usize) -> Group {
    if number == 1 {
        return group;
    }
    group.against([name(strategy, 1).as_str()], None)
}

fn members(strategy: &str, number: usize) -> impl Iterator<Item = TenantRecord> {
    let strategy = strategy.to_owned();
    (1..=number).map(move |place| TenantRecord::new(format!("t{place}").parse().unwrap(), strategy.parse().unwrap()))
}

/// One table, with ten notes of each tenant.
fn row(url: &str, number: usize) -> Row {
    let database = Rc::new(Database::new(url, &format!("_row_{number}")));
    let open = async move || {
        let (application, administrator) = (database.application(), database.administrator());
        let schema = PgRowTables::new(&database.role(), administrator.get_username()).unwrap();
        let schema = schema.with_table(PgTenantTable::new("notes").unwrap());
        let row = PgRowStrategy::builder(PgServer::new(application, administrator), schema)
            .with_migrations(migration(SHARED))
            .with_pool(PoolSettings::new().with_max_connections(CONNECTIONS))
            // The table without a policy is there on purpose.
            .dangerously_allow_findings();
        let db = TenantDb::new(StrategyRegistry::new().with(row.open().await.unwrap()).unwrap());
        db.provision(&members("row", 1).next().unwrap()).await.unwrap();
        let mut administrator = database.administrator().connect().await.unwrap();
        let notes = format!(
            "insert into notes select 't' || t, n, md5(n::text)
                from generate_series(1, {number}) t, generate_series(1, 10) n;
            analyze notes"
        );
        execute(&mut administrator, notes).await;
        administrator.close().await.unwrap();
        Tenants::seen(db, "row", number, database).await
    };
    in_turns(name("row", number), open)
}

/// One small table in each tenant's schema.
fn schema(url: &str, number: usize) -> Row {
    let database = Rc::new(Database::new(url, &format!("_schema_{number}")));
    let open = async move || {
        let (application, administrator) = (database.application(), database.administrator());
        let schema = PgSchemaStrategy::builder(PgServer::new(application, administrator))
            .with_migrations(migration(OWN))
            .with_pool(PoolSettings::new().with_max_connections(CONNECTIONS));
        let db = TenantDb::new(StrategyRegistry::new().with(schema.open().await.unwrap()).unwrap());
        let at_once = NonZeroUsize::new(4).unwrap();
        let summary = db.provision_all(members("schema", number), at_once, |_| ()).await;
        assert!(summary.failed.is_empty(), "{summary:?}");
        Tenants::seen(db, "schema", number, database).await
    };
    in_turns(name("schema", number), open)
}

fn in_turns(name: String, open: impl AsyncFnOnce() -> Tenants) -> Row {
    Row::concurrent(name, AT_ONCE, open, async |tenants: &Tenants| tenants.next().await)
}

struct Tenants {
    db: TenantDb<Postgres>,
    members: Vec<Admitted>,
    turn: AtomicUsize,
    _database: Rc<Database>,
}

impl Tenants {
    async fn seen(db: TenantDb<Postgres>, strategy: &str, number: usize, database: Rc<Database>) -> Self {
        let this = Self {
            db,
            members: members(strategy, number).map(member_of).collect(),
            turn: AtomicUsize::new(0),
            _database: database,
        };
        for member in &this.members {
            // All connections at a time, so that each has seen the tenant.
            let mut transactions = Vec::new();
            for _ in 0..AT_ONCE {
                transactions.push(this.db.begin_read(member).await.unwrap());
            }
            for tx in &mut transactions {
                sqlx::query(BY_KEY).fetch_one(&mut **tx).await.unwrap();
            }
        }
        this
    }

    async fn next(&self) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let member = &self.members[turn % self.members.len()];
        let mut tx = self.db.begin_read(member).await.unwrap();
        sqlx::query(BY_KEY).fetch_one(&mut *tx).await.unwrap();
    }
}

//! What the tests of the strategy `database` share.

use std::sync::Arc;

use sqlx::Postgres;
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, StrategyName, Subject};
use tenancy_sqlx::{
    PgDatabaseBuilder, PgDatabaseStrategy, ProvisionError, StrategyError, StrategyRegistry, TenantDb, TransactionError,
};

use crate::BY_POOLER;
use crate::postgres::support::schema_server::NOTES;
use crate::postgres::support::server::{TestDatabase, bodies, migrations};

pub(crate) const TENANTS: [&str; 4] = ["acme", "globex", "initech", "umbrella"];

pub(crate) fn options(database: &TestDatabase) -> PgDatabaseBuilder {
    let options = PgDatabaseStrategy::builder(database.server())
        .with_prefix(database.prefix())
        .with_template("template0")
        .unwrap()
        .with_migrations(migrations(&[NOTES]));
    if BY_POOLER {
        options.with_transaction_pooler()
    } else {
        options
    }
}

pub(crate) async fn open(options: PgDatabaseBuilder) -> (TenantDb<Postgres>, Arc<PgDatabaseStrategy>) {
    let strategy = Arc::new(options.open().await.unwrap());
    let mut registry = StrategyRegistry::new();
    registry.register(strategy.clone()).unwrap();
    (TenantDb::new(registry), strategy)
}

pub(crate) async fn provision_with_note(db: &TenantDb<Postgres>, id: &str) {
    db.provision(member(id).tenant()).await.unwrap();
    let mut tx = db.begin(&member(id)).await.unwrap();
    let sql = "insert into notes (name, body) values ('first', $1)";
    let body = format!("of {id}");
    sqlx::query(sql).bind(body).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

pub(crate) fn member(id: &str) -> Admitted {
    member_of(&TenantRecord::new(
        id.parse().unwrap(),
        StrategyName::from_static("database"),
    ))
}

pub(crate) fn member_of(record: &TenantRecord) -> Admitted {
    let record = record.clone();
    Admitted::dangerously_assume(record, ResolverName::from_static("test"), Subject::from_static("alice"))
}

pub(crate) async fn notes_of(db: &TenantDb<Postgres>, id: &str) -> Vec<String> {
    let mut tx = db.begin_read(&member(id)).await.unwrap();
    bodies(&mut tx).await
}

/// The tenants' databases without their prefix, in order.
pub(crate) async fn databases(database: &TestDatabase) -> Vec<String> {
    let sql = "select substr(datname, length($1) + 1) from pg_database where starts_with(datname, $1) order by 1";
    let mut administrator = database.connect().await;
    sqlx::query_scalar(sql)
        .bind(database.prefix())
        .fetch_all(&mut administrator)
        .await
        .unwrap()
}

/// How many connections the application has to tenants' databases.
pub(crate) async fn connections(database: &TestDatabase) -> i64 {
    let sql = "select count(*) from pg_stat_activity where usename = $1 and starts_with(datname, $2)";
    let mut administrator = database.connect().await;
    sqlx::query_scalar(sql)
        .bind(database.application_role())
        .bind(database.prefix())
        .fetch_one(&mut administrator)
        .await
        .unwrap()
}

pub(crate) async fn begin_error(db: &TenantDb<Postgres>, id: &str) -> StrategyError {
    match db.begin(&member(id)).await {
        Err(TransactionError::Begin { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn provision_error(db: &TenantDb<Postgres>, id: &str) -> StrategyError {
    match db.provision(member(id).tenant()).await {
        Err(ProvisionError::Strategy { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

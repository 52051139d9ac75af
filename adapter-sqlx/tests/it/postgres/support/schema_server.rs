//! What the tests of the strategy `schema` share.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, PgConnection, Postgres};
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, StrategyName, Subject};
use tenancy_sqlx::{
    PgSchemaBuilder, PgSchemaStrategy, PoolSettings, ProvisionError, StrategyError, StrategyRegistry, TenantDb,
    TransactionError,
};

use crate::BY_POOLER;
use crate::postgres::support::server::{TestDatabase, bodies, migrations};

pub(crate) const NOTES: &str = "create table notes (
    id bigint generated always as identity primary key,
    name text not null unique,
    body text not null default ''
)";

/// One connection, so that each transaction is on the one that the last had.
pub(crate) fn options(database: &TestDatabase) -> PgSchemaBuilder {
    let options = PgSchemaStrategy::builder(database.server())
        .with_pool(PoolSettings::new().with_max_connections(1))
        .with_migrations(migrations(&[NOTES]));
    if BY_POOLER {
        options.with_transaction_pooler()
    } else {
        options
    }
}

pub(crate) async fn open(options: PgSchemaBuilder) -> (TenantDb<Postgres>, Arc<PgSchemaStrategy>) {
    let strategy = Arc::new(options.open().await.unwrap());
    let mut registry = StrategyRegistry::new();
    registry.register(strategy.clone()).unwrap();
    (TenantDb::new(registry), strategy)
}

/// The tenants `acme` and `globex`, with one note each, of the same name.
pub(crate) async fn two_tenants(database: &TestDatabase) -> TenantDb<Postgres> {
    let (db, _) = open(options(database)).await;
    for id in ["acme", "globex"] {
        provision_with_note(&db, id).await;
    }
    db
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
    let record = TenantRecord::new(id.parse().unwrap(), StrategyName::from_static("schema"));
    Admitted::dangerously_assume(record, ResolverName::from_static("test"), Subject::from_static("alice"))
}

pub(crate) async fn notes_of(db: &TenantDb<Postgres>, id: &str) -> Vec<String> {
    let mut tx = db.begin_read(&member(id)).await.unwrap();
    bodies(&mut tx).await
}

pub(crate) async fn run(connection: &mut PgConnection, sql: impl Into<String>) {
    let sql = AssertSqlSafe(sql.into());
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

/// Each tenant's schema, in order.
pub(crate) async fn schemas(database: &TestDatabase) -> Vec<String> {
    let sql = "select nspname::text from pg_namespace where nspname like 'tenant%' order by nspname";
    let mut administrator = database.connect().await;
    sqlx::query_scalar(sql).fetch_all(&mut administrator).await.unwrap()
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

/// The migrations that have run in a tenant's schema.
pub(crate) async fn versions(database: &TestDatabase, id: &str) -> Vec<i64> {
    let sql = format!("select version from \"tenant_{id}\"._sqlx_migrations where success order by 1");
    let versions = sqlx::query_scalar(AssertSqlSafe(sql));
    versions.fetch_all(&mut database.connect().await).await.unwrap()
}

//! All strategies at once.

use sqlx::Postgres;
use tenancy_sqlx::{PgRowStrategy, StrategyRegistry, TenantDb};

use super::server::TestDatabase;
use super::{database_server, schema_server};

/// `row` as it was opened, beside `schema` and `database`.
pub(crate) async fn every_strategy(database: &TestDatabase, row: PgRowStrategy) -> TenantDb<Postgres> {
    let registry = StrategyRegistry::new()
        .with(row)
        .unwrap()
        .with(schema_server::options(database).open().await.unwrap())
        .unwrap()
        .with(database_server::options(database).open().await.unwrap())
        .unwrap();
    TenantDb::new(registry)
}

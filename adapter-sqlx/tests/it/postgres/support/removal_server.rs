//! What the tests of the removal of rows share.

use sqlx::{Connection, PgConnection, Postgres};
use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_core::names::StrategyName;
use tenancy_sqlx::{PgRowStrategy, PgRowTables, PgTenantTable, RemoveError, StrategyError, StrategyRegistry, TenantDb};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{TestDatabase, migrations};

pub(crate) fn declared(database: &TestDatabase, tables: &[&str]) -> PgRowTables {
    let tables = tables.iter().map(|table| PgTenantTable::new(table).unwrap());
    tables.fold(database.schema(), PgRowTables::with_table)
}

/// Opens the strategy on these tables, which `sql` makes. Triggers and rules of a test may be findings.
pub(crate) async fn open(database: &TestDatabase, tables: &[&str], sql: &str) -> TenantDb<Postgres> {
    let sql: &'static str = sql.to_owned().leak();
    let row = PgRowStrategy::builder(database.server(), declared(database, tables))
        .with_migrations(migrations(&[sql]))
        .dangerously_allow_findings()
        .open()
        .await
        .unwrap();
    TenantDb::new(StrategyRegistry::new().with(row).unwrap())
}

pub(crate) async fn remove(db: &TenantDb<Postgres>, id: &str) -> Result<(), StrategyError> {
    let record = TenantRecord::new(id.parse().unwrap(), StrategyName::from_static("row"));
    let removed = db.dangerously_remove(&record.with_status(TenantStatus::Archived)).await;
    removed.map_err(|error| match error {
        RemoveError::Strategy { source, .. } => source,
        other => panic!("{other:?}"),
    })
}

/// All rows of the tables, as text, in order. A superuser sees them whatever a test did to the administrator.
pub(crate) async fn rows(database: &TestDatabase, tables: &[&str], tenant: &str) -> Vec<String> {
    let mut superuser = database.superuser().await;
    let mut all = Vec::new();
    for table in tables {
        let sql = format!("select '{table} ' || t::text from {table} t where t.tenant_id = '{tenant}' order by 1");
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_all(&mut superuser)
            .await
            .unwrap();
        all.extend(rows);
    }
    superuser.close().await.unwrap();
    all
}

/// The same statement for both tenants, with `TENANT` in it.
pub(crate) async fn seed_both(connection: &mut PgConnection, sql: &str) {
    for tenant in ["acme", "globex"] {
        run(connection, sql.replace("TENANT", tenant)).await;
    }
}

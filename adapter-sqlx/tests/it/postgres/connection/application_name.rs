//! The tenant in the session's `application_name`, as another session sees it.

use std::time::Duration;

use sqlx::{PgConnection, Postgres};
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{StrategyRegistry, TenantDb};

use crate::postgres::support::server::{TestDatabase, by_the_same_way, tenant_of};
use crate::postgres::support::{database_server, schema_server};

pub(crate) async fn every_strategy(database: &TestDatabase, names_tenants: bool) -> TenantDb<Postgres> {
    let mut row = by_the_same_way(database.row());
    let mut schema = schema_server::options(database);
    let mut own = database_server::options(database);
    if names_tenants {
        row = row.with_tenant_in_application_name();
        schema = schema.with_tenant_in_application_name();
        own = own.with_tenant_in_application_name();
    }
    let registry = StrategyRegistry::new()
        .with(row.open().await.unwrap())
        .unwrap()
        .with(schema.open().await.unwrap())
        .unwrap()
        .with(own.open().await.unwrap())
        .unwrap();
    TenantDb::new(registry)
}

/// What the application's sessions are called, as a role without any right on them sees it.
pub(crate) async fn names(watching: &mut PgConnection, database: &TestDatabase) -> Vec<String> {
    let sql = "select application_name from pg_stat_activity
        where usename = $1 and application_name like 'tenancy%' order by 1";
    let names = sqlx::query_scalar(sql).bind(database.application_role());
    names.fetch_all(watching).await.unwrap()
}

/// A transaction that only read and was dropped is rolled back a moment later.
pub(crate) async fn until_none(watching: &mut PgConnection, database: &TestDatabase) {
    for _ in 0..3000 {
        if names(watching, database).await.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(names(watching, database).await, [""; 0]);
}

async fn is_shown_while_under_way(
    db: &TenantDb<Postgres>,
    tenant: &Admitted,
    expected: &[&str],
    (watching, database): (&mut PgConnection, &TestDatabase),
) {
    for ends in ["commit", "rollback", "drop"] {
        for writes in [true, false] {
            let begun = if writes {
                db.begin(tenant).await
            } else {
                db.begin_read(tenant).await
            };
            let mut tx = begun.unwrap();
            assert_eq!(names(watching, database).await, expected, "{ends}");
            sqlx::query("select 1").execute(&mut *tx).await.unwrap();
            assert_eq!(names(watching, database).await, expected, "{ends}");
            match ends {
                "commit" => tx.commit().await.unwrap(),
                "rollback" => tx.rollback().await.unwrap(),
                _ => drop(tx),
            }
            until_none(watching, database).await;
        }
    }
}

#[tokio::test]
async fn the_tenant_is_shown_while_its_transaction_is_under_way() {
    let database = TestDatabase::new().await;
    let mut watching = database.connect().await;
    for names_tenants in [false, true] {
        let db = every_strategy(&database, names_tenants).await;
        for strategy in ["row", "schema", "database"] {
            let tenant = tenant_of("acme", strategy);
            db.provision(tenant.tenant()).await.unwrap();
            let expected: &[&str] = if names_tenants { &["tenancy:acme"] } else { &[] };
            is_shown_while_under_way(&db, &tenant, expected, (&mut watching, &database)).await;
        }
        db.close().await;
    }
}

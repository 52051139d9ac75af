//! What a refusal costs: nothing is left of it, and no connection is made for it.

use sqlx::Postgres;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{FenceRefusal, PoolSettings, StrategyError, StrategyRegistry, TenantDb, TransactionError};

use super::minimum::member;
use crate::postgres::support::server::{TestDatabase, migrations};
use crate::postgres::support::{database_server, schema_server};

const MORE: &str = "alter table notes add column more int";

/// The server's process of the one connection that there is.
async fn process(db: &TenantDb<Postgres>, member: &Admitted) -> i32 {
    let mut tx = db.dangerously_begin_in_any_status(member).await.unwrap();
    sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut *tx)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_thousand_refusals_open_no_connection() {
    let database = TestDatabase::new().await;
    let one = PoolSettings::new().with_max_connections(1);
    let older = StrategyRegistry::new()
        .with(schema_server::options(&database).open().await.unwrap())
        .unwrap()
        .with(database_server::options(&database).open().await.unwrap())
        .unwrap();
    let older = TenantDb::new(older);
    let both = || migrations(&[schema_server::NOTES, MORE]);
    let schema = schema_server::options(&database).with_migrations(both());
    let own = database_server::options(&database).with_migrations(both());
    let newer = StrategyRegistry::new()
        .with(schema.with_pool(one).with_minimum_version(2).open().await.unwrap())
        .unwrap()
        .with(own.with_pool(one).with_minimum_version(2).open().await.unwrap())
        .unwrap();
    let newer = TenantDb::new(newer);
    for (strategy, has_record) in [("schema", true), ("database", true), ("database", false)] {
        let acme = member(if has_record { "acme" } else { "globex" }, strategy);
        older.provision(acme.tenant()).await.unwrap();
        if !has_record {
            let name = format!("{}globex", database.prefix());
            let mut administrator = sqlx::ConnectOptions::connect(&database.administrator().database(&name))
                .await
                .unwrap();
            schema_server::run(&mut administrator, "drop schema tenancy_versions cascade").await;
        }
        let before = process(&newer, &acme).await;
        for number in 0..1000 {
            // On a connection that was just used, and on one that has gone back to its pool.
            if number % 100 == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            let begun = if number % 2 == 0 {
                newer.begin(&acme).await
            } else {
                newer.begin_read(&acme).await
            };
            let error = match begun {
                Err(TransactionError::Begin { source, .. }) => source,
                other => panic!("{other:?}"),
            };
            assert!(
                matches!(error, StrategyError::Fenced(FenceRefusal::Behind)),
                "{error:?}"
            );
        }
        assert_eq!(process(&newer, &acme).await, before, "{strategy}");
        newer.provision(acme.tenant()).await.unwrap();
        newer.begin(&acme).await.unwrap().commit().await.unwrap();
    }
    newer.close().await;
    older.close().await;
}

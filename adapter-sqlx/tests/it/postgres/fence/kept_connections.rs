//! A refusal keeps the connection.

use std::time::Duration;

use sqlx::Postgres;
use tenancy_core::directory::TenantRecord;
use tenancy_sqlx::{FenceRefusal, PoolSettings, StrategyRegistry, TenantDb};

use crate::postgres::support::fence_server::{self, Fenced, STRATEGIES, add, count, member, refusal};

/// The server's process of the one connection that there is.
async fn process(db: &TenantDb<Postgres>, record: &TenantRecord) -> i32 {
    let mut tx = db.dangerously_begin_in_any_status(&member(record)).await.unwrap();
    sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut *tx)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_thousand_refusals_open_no_connection() {
    let fenced = Fenced::new().await;
    let one = PoolSettings::new().with_max_connections(1);
    let test = &fenced.database;
    let registry = StrategyRegistry::new()
        .with(fence_server::row(test).with_pool(one).open().await.unwrap())
        .unwrap()
        .with(fence_server::schema(test).with_pool(one).open().await.unwrap())
        .unwrap()
        .with(fence_server::database(test).with_pool(one).open().await.unwrap())
        .unwrap();
    let db = TenantDb::new(registry).with_repeated_refusals(Duration::ZERO);
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        add(&db, &record, "first").await.unwrap();
        fenced.directory.suspend(&record.id).await.unwrap();
        let before = process(&db, &record).await;
        for number in 0..1000 {
            // On a connection that was just used, and on one that has gone back to its pool.
            if number % 100 == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let begun = if number % 2 == 0 {
                add(&db, &record, "late").await
            } else {
                count(&db, &record).await.map(drop)
            };
            assert_eq!(refusal(begun), FenceRefusal::Closed, "{strategy}");
        }
        assert_eq!(process(&db, &record).await, before, "{strategy}");
        fenced.directory.activate(&record.id).await.unwrap();
        assert_eq!(count(&db, &record).await.unwrap(), 1, "{strategy}");
    }
}

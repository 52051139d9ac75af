//! What many callers of one tenant that is not served leave to the others.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::Postgres;
use tenancy_core::directory::TenantRecord;
use tenancy_sqlx::{FenceRefusal, PoolSettings, StrategyRegistry, TenantDb};

use crate::postgres::support::fence_server::{self, Fenced, STRATEGIES, add, member, refusal, until};

const CALLERS: usize = 50;
const CONNECTIONS: usize = 2;

async fn process(db: &TenantDb<Postgres>, record: &TenantRecord) -> i32 {
    let mut tx = db.begin(&member(record)).await.unwrap();
    let process = sqlx::query_scalar("select pg_backend_pid()");
    process.fetch_one(&mut *tx).await.unwrap()
}

/// A transaction of another tenant begins behind those who wait for a connection already, and each of them has it for one refusal:
/// counted, since a slow machine is no reason to fail. No refusal makes a connection or keeps one.
#[tokio::test]
async fn fifty_callers_of_a_closed_tenant_leave_another_served() {
    let fenced = Fenced::new().await;
    let few = PoolSettings::new()
        .with_max_connections(CONNECTIONS)
        .with_acquire_timeout(Duration::from_secs(120));
    let test = &fenced.database;
    let registry = StrategyRegistry::new()
        .with(fence_server::row(test).with_pool(few).open().await.unwrap())
        .unwrap()
        .with(fence_server::schema(test).with_pool(few).open().await.unwrap())
        .unwrap()
        .with(
            fence_server::database(test)
                .with_pool(few)
                .with_max_connections_per_tenant(1)
                .open()
                .await
                .unwrap(),
        )
        .unwrap();
    // Each refusal comes from the database.
    let db = TenantDb::new(registry).with_repeated_refusals(Duration::ZERO);
    for strategy in STRATEGIES {
        let closed = fenced.create(&format!("acme-{strategy}"), strategy).await;
        let other = fenced.create(&format!("globex-{strategy}"), strategy).await;
        add(&db, &other, "first").await.unwrap();
        fenced.directory.suspend(&closed.id).await.unwrap();
        let (refused, ends) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (db, closed) = (db.clone(), closed.clone());
                let (refused, ends) = (Arc::clone(&refused), Arc::clone(&ends));
                tokio::spawn(async move {
                    while !ends.load(Ordering::SeqCst) {
                        assert_eq!(refusal(add(&db, &closed, "late").await), FenceRefusal::Closed);
                        refused.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        until(async || refused.load(Ordering::SeqCst) >= CALLERS).await;
        let mut processes = HashSet::new();
        for _ in 0..20 {
            let before = refused.load(Ordering::SeqCst);
            processes.insert(process(&db, &other).await);
            let meanwhile = refused.load(Ordering::SeqCst) - before;
            // Those before it, and as many that began behind it while its own transaction ran.
            assert!(meanwhile <= 4 * CALLERS, "{strategy}: {meanwhile} refusals went before");
        }
        ends.store(true, Ordering::SeqCst);
        for caller in callers {
            caller.await.unwrap();
        }
        assert!(processes.len() <= CONNECTIONS, "{strategy}: {processes:?}");
    }
}

/// What is repeated is the refusal of those whose record is as old: a tenant that is served again is so at once by its new record.
#[tokio::test]
async fn a_repeated_refusal_is_none_of_a_later_record() {
    let fenced = Fenced::new().await;
    let db = fenced.db.clone().with_repeated_refusals(Duration::from_secs(3600));
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        add(&db, &record, "first").await.unwrap();
        fenced.directory.suspend(&record.id).await.unwrap();
        for _ in 0..CALLERS {
            assert_eq!(refusal(add(&db, &record, "late").await), FenceRefusal::Closed);
        }
        fenced.directory.activate(&record.id).await.unwrap();
        let again = fenced.record(&record.id).await;
        add(&db, &again, "second").await.unwrap();
        fenced.directory.suspend(&record.id).await.unwrap();
        assert_eq!(
            refusal(add(&db, &again, "late").await),
            FenceRefusal::Closed,
            "{strategy}"
        );
    }
}

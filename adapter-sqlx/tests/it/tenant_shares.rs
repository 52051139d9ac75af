//! A tenant's flood of transactions leaves the others of its pool their turn.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::Database;
use tempfile::tempdir;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{PoolSettings, StrategyError, StrategyRegistry, TenantDb, TransactionError};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

use crate::common::{row_options, row_tenant};
use crate::polling::at_last;
use crate::postgres::support::fence_server;
use crate::postgres::support::schema_server;
use crate::postgres::support::server::{TestDatabase, tenant};

/// Ten connections, of which one tenant has five if others want them.
fn shared() -> PoolSettings {
    PoolSettings::new()
        .with_max_connections(10)
        .with_max_transactions_per_tenant(5)
        .with_acquire_timeout(Duration::from_secs(60))
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..30_000 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
    assert!(condition(), "{what}");
}

/// Callers of one tenant, each of which holds a transaction until it may go.
struct Flood {
    begun: Arc<AtomicUsize>,
    may_go: Arc<Semaphore>,
    callers: Vec<JoinHandle<()>>,
}

impl Flood {
    fn of<DB: Database>(db: &TenantDb<DB>, tenant: &Admitted, callers: usize) -> Self {
        let (begun, may_go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let caller = |number: usize| {
            let (db, tenant, begun, may_go) = (db.clone(), tenant.clone(), Arc::clone(&begun), Arc::clone(&may_go));
            tokio::spawn(async move {
                let tx = db.begin_read(&tenant).await.unwrap();
                begun.fetch_add(1, Ordering::SeqCst);
                may_go.acquire().await.unwrap().forget();
                match number % 4 {
                    0 => tx.commit().await.unwrap(),
                    1 => tx.rollback().await.unwrap(),
                    2 => drop(tx),
                    _ => std::panic::resume_unwind(Box::new("with a transaction")),
                }
            })
        };
        let callers = (0..callers).map(caller).collect();
        Self { begun, may_go, callers }
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    async fn until(&self, begun: usize) {
        until(&format!("{begun} begin"), || self.begun() >= begun).await;
        assert_eq!(self.begun(), begun);
    }

    /// How many have begun once everybody has had time to.
    async fn settled(&self) -> usize {
        for _ in 0..1000 {
            yield_now().await;
        }
        self.begun()
    }
}

async fn a_flood_leaves_others_their_turn<DB: Database>(db: &TenantDb<DB>, acme: &Admitted, globex: &Admitted) {
    for tenant in [acme, globex] {
        db.provision(tenant.tenant()).await.unwrap();
    }
    for _ in 0..2 {
        let flood = Flood::of(db, acme, 50);
        flood.until(8).await;
        // While not one of the flood has ended, another begins.
        let mut held = vec![
            db.begin_read(globex).await.unwrap(),
            db.begin_read(globex).await.unwrap(),
        ];
        assert_eq!(flood.settled().await, 8);
        // With everything in use, the next connection is for the tenant that has the fewest.
        let third = Flood::of(db, globex, 1);
        assert_eq!(third.settled().await, 0);
        flood.may_go.add_permits(1);
        third.until(1).await;
        assert_eq!(flood.settled().await, 8);
        // Those that give up waiting take nothing with them.
        for caller in flood.callers.iter().rev().take(20) {
            caller.abort();
        }
        held.clear();
        third.may_go.add_permits(1);
        flood.may_go.add_permits(100);
        for caller in flood.callers.into_iter().chain(third.callers) {
            let _ = caller.await;
        }
        assert_eq!(flood.begun.load(Ordering::SeqCst), 30);
    }
    // All of it came back.
    let one = Flood::of(db, acme, 8);
    one.until(8).await;
    let other = Flood::of(db, globex, 2);
    other.until(2).await;
    for (flood, callers) in [(one, 8), (other, 2)] {
        flood.may_go.add_permits(callers);
        for caller in flood.callers {
            let _ = caller.await;
        }
    }
    db.close().await;
}

#[tokio::test]
async fn a_flood_leaves_others_their_turn_on_sqlite() {
    let dir = tempdir().unwrap();
    let row = row_options(&dir).with_pool(shared()).open().await.unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(row).unwrap());
    a_flood_leaves_others_their_turn(&db, &row_tenant("acme"), &row_tenant("globex")).await;
}

#[tokio::test]
async fn a_flood_leaves_others_their_turn_in_rows() {
    let database = TestDatabase::new().await;
    let row = database.row().with_pool(shared()).open().await.unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(row).unwrap());
    a_flood_leaves_others_their_turn(&db, &tenant("acme"), &tenant("globex")).await;
}

#[tokio::test]
async fn a_flood_leaves_others_their_turn_in_schemas() {
    let database = TestDatabase::new().await;
    let schema = schema_server::options(&database).with_pool(shared());
    let db = TenantDb::new(StrategyRegistry::new().with(schema.open().await.unwrap()).unwrap());
    a_flood_leaves_others_their_turn(&db, &schema_server::member("acme"), &schema_server::member("globex")).await;
}

fn source(error: TransactionError) -> StrategyError {
    assert!(error.is_exhausted() && error.is_unavailable() && !error.is_retryable());
    match error {
        TransactionError::Begin { source, .. } => source,
        error => unreachable!("{error:?}"),
    }
}

/// Five connections, and a tenant that has four waits for the one that another does not want.
#[tokio::test]
async fn a_tenant_with_its_share_waits_in_vain_for_no_longer_than_for_a_connection() {
    let dir = tempdir().unwrap();
    let settings = shared()
        .with_max_connections(5)
        .with_max_transactions_per_tenant(1)
        .with_acquire_timeout(Duration::from_millis(200));
    let row = row_options(&dir).with_pool(settings).open().await.unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(row).unwrap());
    let [acme, globex, initech] = ["acme", "globex", "initech"].map(row_tenant);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(at_last(|| async { db.begin_read(&acme).await }).await);
    }
    let refused = source(db.begin_read(&acme).await.unwrap_err());
    assert!(
        matches!(refused, StrategyError::TenantShareInUse { max: 1 }),
        "{refused:?}"
    );
    held.push(at_last(|| async { db.begin_read(&globex).await }).await);
    let refused = source(db.begin_read(&initech).await.unwrap_err());
    assert!(matches!(refused, StrategyError::TooManyInUse { max: 5 }), "{refused:?}");
    // Transactions that write have connections of their own.
    at_last(|| async { db.begin(&acme).await?.commit().await }).await;
    held.clear();
    held.push(at_last(|| async { db.begin_read(&initech).await }).await);
}

/// What the fence refuses is not under way.
#[tokio::test]
async fn a_refused_transaction_gives_its_share_back() {
    let database = TestDatabase::new().await;
    let settings = shared()
        .with_max_connections(2)
        .with_max_transactions_per_tenant(1)
        .with_acquire_timeout(Duration::from_secs(30));
    let row = fence_server::row(&database);
    row.enable_fence().await.unwrap();
    let row = row.with_pool(settings).open().await.unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(row).unwrap());
    let moved = {
        let mut record = tenant("acme").tenant().clone();
        record.epoch = 7;
        let resolver = tenancy_core::names::ResolverName::from_static("test");
        Admitted::dangerously_assume(record, resolver, "alice".parse().unwrap())
    };
    for _ in 0..5 {
        let error = db.begin(&moved).await.unwrap_err();
        assert!(!error.is_exhausted(), "{error:?}");
    }
    let _first = db.begin(&tenant("globex")).await.unwrap();
    db.begin(&tenant("initech")).await.unwrap().commit().await.unwrap();
}

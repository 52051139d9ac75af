//! A pooler whose only connection is taken.

use std::time::{Duration, Instant};

use tenancy_sqlx::{PoolSettings, StrategyRegistry, TenantDb, TransactionError};

use crate::polling::at_last;
use crate::support::server::{TestDatabase, bodies, by_the_same_way, seed, tenant};

/// It keeps a client waiting in the midst of its first message, for 15 seconds here and for minutes by default.
#[tokio::test]
async fn to_begin_takes_no_longer_than_is_allowed() {
    let database = TestDatabase::new().await;
    let open = async |timeout| {
        let row = database
            .row()
            .with_pool(PoolSettings::new().with_acquire_timeout(timeout));
        let row = by_the_same_way(row).open().await.unwrap();
        TenantDb::new(StrategyRegistry::new().with(row).unwrap())
    };
    seed(&open(Duration::from_secs(60)).await, &["acme", "globex"]).await;
    let db = open(Duration::from_secs(1)).await;
    let taken = at_last(|| async { db.begin(&tenant("acme")).await }).await;
    let begun = Instant::now();
    let error = db.begin(&tenant("globex")).await.unwrap_err();
    assert!(matches!(error, TransactionError::Begin { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    taken.commit().await.unwrap();
    let mut tx = at_last(|| async { db.begin_read(&tenant("globex")).await }).await;
    assert_eq!(bodies(&mut tx).await, ["of globex"]);
}

//! A pooler whose only connection is taken.

use std::time::{Duration, Instant};

use tenancy_sqlx::{PoolSettings, StrategyRegistry, TenantDb, TransactionError};

use crate::support::server::{TestDatabase, bodies_of, by_the_same_way, seed, tenant};

/// It keeps a client waiting in the midst of its first message, for 15 seconds here and for minutes by default.
#[tokio::test]
async fn to_begin_takes_no_longer_than_is_allowed() {
    let database = TestDatabase::new().await;
    let options = database
        .row()
        .with_pool(PoolSettings::new().with_acquire_timeout(Duration::from_secs(1)));
    let row = by_the_same_way(options).open().await.unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(row).unwrap());
    seed(&db, &["acme", "globex"]).await;
    let taken = db.begin(&tenant("acme")).await.unwrap();
    let begun = Instant::now();
    let error = db.begin(&tenant("globex")).await.unwrap_err();
    assert!(matches!(error, TransactionError::Begin { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    taken.commit().await.unwrap();
    assert_eq!(bodies_of(&db, "globex").await, ["of globex"]);
}

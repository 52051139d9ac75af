//! A removal of a tenant's file leaves nothing of it, and takes it away from nobody.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up fails")]

use std::time::Duration;

use sqlx::Sqlite;
use tempfile::{TempDir, tempdir};
use tenancy_core::directory::TenantStatus;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{PoolSettings, RemoveError, StrategyError, StrategyRegistry, TenantDb};

use super::database::{file_names, is_not_provisioned, options, provisioned};
use crate::common::*;

async fn open(dir: &TempDir) -> TenantDb<Sqlite> {
    let files = options(dir).open().await.unwrap();
    TenantDb::new(StrategyRegistry::new().with(files).unwrap())
}

/// What `tenant` holds is removed as an archived tenant's.
async fn remove(db: &TenantDb<Sqlite>, tenant: &Admitted) -> Result<(), StrategyError> {
    let mut archived = tenant.tenant().clone();
    archived.status = TenantStatus::Archived;
    match db.dangerously_remove(&archived).await {
        Ok(()) => Ok(()),
        Err(RemoveError::Strategy { source, .. }) => Err(source),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_removal_takes_every_file_and_can_be_repeated() {
    let dir = tempdir().unwrap();
    let db = open(&dir).await;
    let (a, b) = (provisioned(&db, "a").await, provisioned(&db, "b").await);
    // Both are open, with their logs beside them.
    bodies(&db, &a).await;
    bodies(&db, &b).await;
    std::fs::write(dir.path().join("tenants/tenant-a.sqlite-journal"), "left behind").unwrap();
    for _ in 0..2 {
        remove(&db, &a).await.unwrap();
        assert!(file_names(&dir).iter().all(|name| name.starts_with("tenant-b.sqlite")));
        assert!(is_not_provisioned(db.begin(&a).await));
    }
    assert_eq!(bodies(&db, &b).await, ["of b"]);
    // A new tenant of that name gets nothing of what was there.
    db.provision(a.tenant()).await.unwrap();
    assert!(bodies(&db, &a).await.is_empty());
}

#[tokio::test]
async fn a_removal_waits_for_transactions_and_removes_nothing_under_them() {
    let dir = tempdir().unwrap();
    // A removal that is refused waits so long; anything else here is done much sooner.
    let pool = PoolSettings::new().with_max_connections(1);
    let files = options(&dir).with_pool(pool.with_acquire_timeout(Duration::from_secs(2)));
    let db = TenantDb::new(StrategyRegistry::new().with(files.open().await.unwrap()).unwrap());
    let a = provisioned(&db, "a").await;
    let mut tx = db.begin(&a).await.unwrap();
    // And it does not forget them when it has given up once.
    for _ in 0..2 {
        let refused = remove(&db, &a).await;
        assert!(matches!(refused, Err(StrategyError::InUse { .. })), "{refused:?}");
    }
    run(&mut tx, "insert into notes values ('2', 'later')").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(bodies(&db, &a).await, ["of a", "later"]);
    let tx = db.begin(&a).await.unwrap();
    let removing = tokio::spawn({
        let (db, a) = (db.clone(), a.clone());
        async move { remove(&db, &a).await }
    });
    tokio::task::yield_now().await;
    // No transaction begins any more while a removal waits.
    assert!(is_not_provisioned(db.begin(&a).await));
    drop(tx);
    removing.await.unwrap().unwrap();
    assert!(file_names(&dir).is_empty());
}

#[tokio::test]
async fn a_removal_that_cannot_take_a_file_says_so() {
    let dir = tempdir().unwrap();
    let db = open(&dir).await;
    let a = provisioned(&db, "a").await;
    let obstacle = dir.path().join("tenants/tenant-a.sqlite-journal");
    std::fs::create_dir(&obstacle).unwrap();
    let refused = remove(&db, &a).await;
    assert!(
        matches!(&refused, Err(StrategyError::File { path, .. }) if path.ends_with("tenant-a.sqlite-journal")),
        "{refused:?}"
    );
    std::fs::remove_dir(obstacle).unwrap();
    remove(&db, &a).await.unwrap();
    assert!(file_names(&dir).is_empty());
}

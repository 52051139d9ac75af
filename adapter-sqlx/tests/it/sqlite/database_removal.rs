//! A removal of a tenant's file leaves nothing of it, and takes it away from nobody.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up fails")]

use crate::common;

use std::time::Duration;

use common::*;
use sqlx::Sqlite;
use tempfile::{TempDir, tempdir};
use tenancy_core::directory::TenantStatus;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{
    PoolSettings, RemoveError, SqliteDatabaseBuilder, SqliteDatabaseStrategy, StrategyError, StrategyRegistry,
    TenantDb, TransactionError,
};

const OWN_NOTES: &str = "create table notes (id text primary key, body text not null)";

fn options(dir: &TempDir) -> SqliteDatabaseBuilder {
    SqliteDatabaseStrategy::builder(dir.path().join("tenants"))
        .with_migrations(migrations(&[OWN_NOTES]))
        .with_pool(
            PoolSettings::new()
                .with_max_connections(1)
                .with_acquire_timeout(Duration::from_millis(300)),
        )
}

async fn open(dir: &TempDir) -> TenantDb<Sqlite> {
    let files = options(dir).open().await.unwrap();
    TenantDb::new(StrategyRegistry::new().with(files).unwrap())
}

async fn provisioned(db: &TenantDb<Sqlite>, id: &str) -> Admitted {
    let tenant = admitted(id, "database");
    db.provision(tenant.tenant()).await.unwrap();
    let mut tx = db.begin(&tenant).await.unwrap();
    sqlx::query("insert into notes values ('1', ?)")
        .bind(format!("of {id}"))
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    tenant
}

fn file_names(dir: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(dir.path().join("tenants")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn is_not_provisioned<T>(result: Result<T, TransactionError>) -> bool {
    let Err(TransactionError::Begin { source, .. }) = result else {
        return false;
    };
    matches!(source, StrategyError::NotProvisioned { .. })
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
    let db = open(&dir).await;
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

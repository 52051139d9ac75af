//! A file for each tenant.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::sync::Arc;
use std::time::Duration;

use sqlx::Sqlite;
use tempfile::{TempDir, tempdir};
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{
    IsolationStrategy, PoolSettings, ProvisionError, SqliteDatabaseBuilder, SqliteDatabaseStrategy, StrategyError,
    StrategyRegistry, TenantDb, TransactionError,
};

use crate::across::AcrossTenants as _;
use crate::common::*;

pub(crate) const OWN_NOTES: &str = "create table notes (id text primary key, body text not null)";

pub(crate) fn options(dir: &TempDir) -> SqliteDatabaseBuilder {
    SqliteDatabaseStrategy::builder(dir.path().join("tenants"))
        .with_migrations(migrations(&[OWN_NOTES]))
        .with_pool(
            PoolSettings::new()
                .with_max_connections(1)
                .with_acquire_timeout(Duration::from_secs(30)),
        )
}

pub(crate) async fn open(options: SqliteDatabaseBuilder) -> (TenantDb<Sqlite>, Arc<SqliteDatabaseStrategy>) {
    let files = Arc::new(options.open().await.unwrap());
    let mut registry = StrategyRegistry::new();
    registry.register(files.clone()).unwrap();
    (TenantDb::new(registry), files)
}

pub(crate) async fn provisioned(db: &TenantDb<Sqlite>, id: &str) -> Admitted {
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

pub(super) fn file_names(dir: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(dir.path().join("tenants")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(super) fn is_not_provisioned<T>(result: Result<T, TransactionError>) -> bool {
    let Err(TransactionError::Begin { source, .. }) = result else {
        return false;
    };
    matches!(source, StrategyError::NotProvisioned { .. })
}

#[tokio::test]
async fn each_tenant_has_its_file() {
    let dir = tempdir().unwrap();
    let (db, _) = open(options(&dir)).await;
    let tenants = [provisioned(&db, "a").await, provisioned(&db, "b").await];
    for (tenant, own) in tenants.iter().zip(["of a", "of b"]) {
        assert_eq!(bodies(&db, tenant).await, [own]);
        let mut tx = db.begin(tenant).await.unwrap();
        run(&mut tx, "delete from notes where id <> '1'").await.unwrap();
    }
    db.close().await;
    assert_eq!(file_names(&dir), ["tenant-a.sqlite", "tenant-b.sqlite"]);
    assert!(db.begin(&tenants[0]).await.is_err());
}

#[tokio::test]
async fn a_missing_file_is_an_error_and_is_not_made() {
    let dir = tempdir().unwrap();
    let (db, files) = open(options(&dir)).await;
    let a = admitted("a", "database");
    assert!(is_not_provisioned(db.begin(&a).await));
    assert!(is_not_provisioned(db.visit(&a.to_visit()).await));
    assert!(file_names(&dir).is_empty());
    assert_eq!(files.open_databases(), 0);
}

#[tokio::test]
async fn a_file_that_is_removed_or_replaced_is_not_written_to() {
    let dir = tempdir().unwrap();
    let (db, files) = open(options(&dir)).await;
    let a = provisioned(&db, "a").await;
    let path = dir.path().join("tenants/tenant-a.sqlite");
    std::fs::rename(&path, dir.path().join("kept.sqlite")).unwrap();
    for log in ["wal", "shm"] {
        std::fs::remove_file(format!("{}-{log}", path.display())).ok();
    }
    assert!(is_not_provisioned(db.begin(&a).await));
    assert_eq!(files.open_databases(), 0);
    db.provision(a.tenant()).await.unwrap();
    assert!(bodies(&db, &a).await.is_empty());

    // Replaced between two transactions, without one that would find it missing.
    let mut tx = db.begin(&a).await.unwrap();
    run(&mut tx, "insert into notes values ('2', 'second file')")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    std::fs::rename(&path, dir.path().join("kept too.sqlite")).unwrap();
    for log in ["wal", "shm"] {
        std::fs::remove_file(format!("{}-{log}", path.display())).ok();
    }
    db.provision(a.tenant()).await.unwrap();
    assert!(bodies(&db, &a).await.is_empty());
}

#[tokio::test]
async fn a_fresh_file_is_read_first() {
    let dir = tempdir().unwrap();
    let (db, _) = open(options(&dir)).await;
    let a = admitted("a", "database");
    db.provision(a.tenant()).await.unwrap();
    let mut tx = db.visit(&a.to_visit()).await.unwrap();
    assert_eq!(run(&mut tx, "select * from notes").await.unwrap(), 0);
}

#[tokio::test]
async fn provisioning_twice_or_at_once_changes_nothing() {
    let dir = tempdir().unwrap();
    let (db, _) = open(options(&dir)).await;
    let a = provisioned(&db, "a").await;
    db.provision(a.tenant()).await.unwrap();
    assert_eq!(bodies(&db, &a).await, ["of a"]);
    let b = admitted("b", "database");
    let at_once = (0..8).map(|_| {
        let (db, b) = (db.clone(), b.clone());
        tokio::spawn(async move { db.provision(b.tenant()).await })
    });
    for one in at_once.collect::<Vec<_>>() {
        one.await.unwrap().unwrap();
    }
    assert!(bodies(&db, &b).await.is_empty());
    db.close().await;
    assert_eq!(file_names(&dir), ["tenant-a.sqlite", "tenant-b.sqlite"]);
}

#[tokio::test]
async fn a_failed_provisioning_leaves_no_file() {
    let dir = tempdir().unwrap();
    let broken = options(&dir).with_migrations(migrations(&[OWN_NOTES, "create table notes (again)"]));
    let (db, _) = open(broken).await;
    let a = admitted("a", "database");
    let failed = db.provision(a.tenant()).await;
    let Err(ProvisionError::Strategy { source, .. }) = failed else {
        panic!("{failed:?}")
    };
    assert!(matches!(source, StrategyError::Migrate(_)), "{source:?}");
    assert!(file_names(&dir).is_empty());
    assert!(is_not_provisioned(db.begin(&a).await));
    // The cause is gone, and so is the failure.
    let (db, _) = open(options(&dir)).await;
    provisioned(&db, "a").await;
}

#[tokio::test]
async fn provisioning_again_runs_new_migrations() {
    let dir = tempdir().unwrap();
    let (db, _) = open(options(&dir)).await;
    let a = provisioned(&db, "a").await;
    let newer = options(&dir).with_migrations(migrations(&[OWN_NOTES, "alter table notes add column done"]));
    let (newer, _) = open(newer).await;
    newer.provision(a.tenant()).await.unwrap();
    let mut tx = newer.begin(&a).await.unwrap();
    assert_eq!(run(&mut tx, "select done from notes").await.unwrap(), 1);
}

#[tokio::test]
async fn ids_that_look_like_other_files_are_tenants_like_any() {
    let dir = tempdir().unwrap();
    let (db, _) = open(options(&dir).with_max_open(3)).await;
    let ids = [
        "a",
        "a-wal",
        "a-shm",
        "a-journal",
        "con",
        "nul",
        "sqlite",
        "tenant-a",
        "0",
        "a_",
        &"x".repeat(63),
    ];
    for id in ids {
        provisioned(&db, id).await;
    }
    for id in ids {
        assert_eq!(bodies(&db, &admitted(id, "database")).await, [format!("of {id}")]);
    }
}

#[tokio::test]
async fn leftovers_do_not_reach_the_next_borrower() {
    let dir = tempdir().unwrap();
    let (db, _) = open(options(&dir)).await;
    let a = provisioned(&db, "a").await;
    for sql in [
        "commit",
        "rollback",
        "commit; begin",
        "pragma query_only = on",
        "create temp table notes (id, body)",
    ] {
        let mut tx = db.begin(&a).await.unwrap();
        run(&mut tx, sql).await.ok();
        drop(tx);
        let mut tx = db.begin(&a).await.unwrap();
        assert_eq!(
            texts(&mut tx, "select body from notes where id = '1'").await,
            ["of a"],
            "{sql}"
        );
        run(&mut tx, "insert or replace into notes values ('2', 'later')")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(bodies(&db, &a).await, ["of a", "later"], "{sql}");
    }
    let mut tx = db.visit(&a.to_visit()).await.unwrap();
    assert!(
        run(&mut tx, "delete from notes")
            .await
            .unwrap_err()
            .to_string()
            .contains("readonly")
    );
}

#[tokio::test]
async fn it_has_no_transactions_across_tenants() {
    let dir = tempdir().unwrap();
    let (db, files) = open(options(&dir)).await;
    assert_eq!(files.name(), "database");
    assert!(matches!(
        db.across_tenants().await,
        Err(TransactionError::AcrossTenants(_))
    ));
}

#[tokio::test]
async fn a_log_without_its_database_is_not_replayed_onto_a_new_one() {
    let dir = tempdir().unwrap();
    let (db, _files) = open(options(&dir)).await;
    let path = dir.path().join("tenants/tenant-a.sqlite");
    let a = admitted("a", "database");
    for log in ["wal", "shm", "journal"] {
        let left = format!("{}-{log}", path.display());
        std::fs::write(&left, "left behind").unwrap();
        assert!(db.provision(a.tenant()).await.is_err(), "{log}");
        assert!(!path.exists());
        std::fs::remove_file(left).unwrap();
    }
    db.provision(a.tenant()).await.unwrap();
    assert!(path.exists());
}

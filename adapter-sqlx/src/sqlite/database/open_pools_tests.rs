//! Files that are closed, and removed meanwhile.

use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::tempdir;
use tenancy_core::names::TenantId;

use super::open_pools::OpenPools;
use super::tenant_pools::{FileIdentity, TenantPools};
use crate::sqlite::begin::Binds;
use crate::sqlite::warm_pool::WarmPool;
use crate::{Mode, StrategyError};

const HOUR: Duration = Duration::from_secs(3600);

fn pools(pool: &SqlitePool) -> TenantPools {
    let warm = |mode| WarmPool::new(pool.clone(), mode, Binds::Nothing);
    TenantPools {
        read_write: warm(Mode::ReadWrite),
        read_only: warm(Mode::ReadOnly),
        file: FileIdentity(0, 0),
    }
}

/// A tenant whose file is open, with a connection that does not go back yet.
async fn open(open: &OpenPools, tenant: &TenantId, directory: &Path) -> PoolConnection<sqlx::Sqlite> {
    let file = directory.join(tenant.as_str());
    let pool = SqlitePool::connect_lazy_with(SqliteConnectOptions::new().filename(file).create_if_missing(true));
    let held = pool.acquire().await.unwrap();
    drop(open.lease(tenant, || pools(&pool)).await.unwrap());
    held
}

async fn is_removed_only_when_closed(open: OpenPools, acme: &TenantId, held: PoolConnection<sqlx::Sqlite>) {
    while !open.is_closing(acme) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let refused = open.retire(acme).await.unwrap_err();
    assert!(matches!(refused, StrategyError::InUse { .. }), "{refused:?}");
    held.close().await.unwrap();
    let retired = open.retire(acme).await.unwrap();
    assert!(!open.is_closing(acme));
    drop(retired);
}

/// The log of a file that is closed is deleted by its name, whosever it is by then.
#[tokio::test]
async fn a_file_that_makes_room_is_not_removed_before_it_is_closed() {
    let (directory, [acme, globex]) = (tempdir().unwrap(), ["acme", "globex"].map(|id| id.parse().unwrap()));
    let pools = OpenPools::new(1, HOUR, Duration::from_millis(300));
    let held = open(&pools, &acme, directory.path()).await;
    let (others, path) = (pools.clone(), directory.path().to_owned());
    let other = tokio::spawn(async move { open(&others, &globex, &path).await });
    is_removed_only_when_closed(pools, &acme, held).await;
    drop(other.await.unwrap());
}

#[tokio::test]
async fn a_file_that_was_replaced_is_not_removed_before_the_old_one_is_closed() {
    let (directory, acme) = (tempdir().unwrap(), "acme".parse().unwrap());
    let pools = OpenPools::new(8, HOUR, Duration::from_millis(300));
    let held = open(&pools, &acme, directory.path()).await;
    pools.forget(&acme, |_| true);
    assert_eq!(pools.len(), 0);
    is_removed_only_when_closed(pools, &acme, held).await;
}

#[tokio::test]
async fn an_idle_file_is_not_removed_before_it_is_closed() {
    let (directory, acme) = (tempdir().unwrap(), "acme".parse().unwrap());
    let pools = OpenPools::new(8, Duration::from_millis(1), Duration::from_millis(300));
    let held = open(&pools, &acme, directory.path()).await;
    is_removed_only_when_closed(pools, &acme, held).await;
}

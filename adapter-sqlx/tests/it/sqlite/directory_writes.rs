//! Changes of the directory in a file that are cancelled, that wait, and that share a pool with an application.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and holds locks"
)]

use std::path::Path;
use std::time::Duration;

use crate::polling::poll_at_most;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tempfile::tempdir;
use tenancy_core::directory::{Member, TenantEntry, TenantStatus};
use tenancy_core::names::{TenantId, TenantKey};
use tenancy_sqlx::{DirectoryError, ForgetError, LifecycleError, NewTenant, SqliteDirectory, UpsertError};

/// Those of a writer that waits for others longer than anything here takes.
fn options(folder: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(folder.join("directory.sqlite"))
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(30))
}

async fn pool_of_one(folder: &Path) -> SqlitePool {
    let pool = SqlitePoolOptions::new().max_connections(1);
    pool.connect_with(options(folder)).await.unwrap()
}

fn new(id: &str) -> NewTenant {
    NewTenant::new(id.parse().unwrap(), "row".parse().unwrap()).with_status(TenantStatus::Active)
}

/// The directory's error, which is what stands in the way of a verb.
fn directory_error(done: Result<bool, LifecycleError>) -> Result<bool, DirectoryError> {
    done.map_err(|error| match error {
        LifecycleError::Directory(error) => error,
        other => panic!("{other:?}"),
    })
}

async fn seen(connection: &mut SqliteConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_dropped_anywhere_leaves_nothing_and_no_ok_is_lost() {
    let dir = tempdir().unwrap();
    let directory = SqliteDirectory::from_pool(pool_of_one(dir.path()).await).await.unwrap();
    let mut other = options(dir.path()).connect().await.unwrap();
    directory.upsert(&new("acme")).await.unwrap();
    let acme: TenantId = "acme".parse().unwrap();
    let alice = Member::new("alice".parse().unwrap());
    let mut cancelled_under_way = 0;
    for round in 0..120 {
        let (polls, tenant) = (round % 10, new("globex").with_member(alice.clone()));
        let is_done = match round / 10 % 4 {
            0 => poll_at_most(polls, directory.upsert(&tenant)).await.map(drop),
            1 => poll_at_most(polls, directory.remove(&acme)).await.map(drop),
            2 => poll_at_most(polls, directory.add_member(&acme, &alice)).await.map(drop),
            _ => poll_at_most(polls, directory.remove_member(&acme, alice.subject(), None))
                .await
                .map(drop),
        };
        assert!(polls > 0 || is_done.is_none(), "round {round}");
        cancelled_under_way += u32::from(polls > 0 && is_done.is_none());
        let (status, sql) = if round % 2 == 0 {
            (
                TenantStatus::Suspended,
                "select count(*) from tenancy_tenants where id = 'acme' and status = 'suspended'",
            )
        } else {
            (
                TenantStatus::Active,
                "select count(*) from tenancy_tenants where id = 'acme' and status = 'active'",
            )
        };
        assert!(directory.set_status(&acme, status).await.unwrap(), "round {round}");
        assert_eq!(seen(&mut other, sql).await, 1, "round {round}: Ok, and not committed");
    }
    // How many depends on how quickly the file answers.
    assert!(cancelled_under_way > 0, "nothing was cancelled under way");
}

#[tokio::test]
async fn what_is_left_open_in_the_applications_pool_takes_no_write_away() {
    let dir = tempdir().unwrap();
    let pool = pool_of_one(dir.path()).await;
    let soil = async |is_counted: bool| {
        let mut connection = pool.acquire().await.unwrap();
        if is_counted {
            std::mem::forget(connection.begin().await.unwrap());
        } else {
            sqlx::raw_sql("begin").execute(&mut *connection).await.unwrap();
        }
    };
    for is_counted in [false, true] {
        soil(is_counted).await;
        let directory = SqliteDirectory::from_pool(pool.clone()).await.unwrap();
        let mut other = options(dir.path()).connect().await.unwrap();
        let (acme, alice) = ("acme".parse().unwrap(), Member::new("alice".parse().unwrap()));
        soil(is_counted).await;
        directory.upsert(&new("acme")).await.unwrap();
        soil(is_counted).await;
        assert!(directory.add_member(&acme, &alice).await.unwrap());
        assert_eq!(seen(&mut other, "select count(*) from tenancy_members").await, 1);
        soil(is_counted).await;
        assert!(directory.remove_member(&acme, alice.subject(), None).await.unwrap());
        assert_eq!(seen(&mut other, "select count(*) from tenancy_members").await, 0);
        soil(is_counted).await;
        assert!(directory.set_status(&acme, TenantStatus::Archived).await.unwrap());
        let sql = "select count(*) from tenancy_tenants where status = 'archived'";
        assert_eq!(seen(&mut other, sql).await, 1);
        soil(is_counted).await;
        assert!(directory.remove(&acme).await.unwrap());
        assert_eq!(seen(&mut other, "select count(*) from tenancy_tenants").await, 0);
        sqlx::raw_sql("delete from tenancy_tombstones")
            .execute(&mut other)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_writer_that_waits_for_too_long_can_try_again() {
    let dir = tempdir().unwrap();
    let impatient = options(dir.path()).busy_timeout(Duration::from_millis(50));
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect_with(impatient).await.unwrap();
    let directory = SqliteDirectory::from_pool(pool).await.unwrap();
    directory.upsert(&new("acme")).await.unwrap();
    let (acme, alice) = ("acme".parse().unwrap(), Member::new("alice".parse().unwrap()));
    let mut holder = options(dir.path()).connect().await.unwrap();
    let lock = holder.begin_with("begin immediate").await.unwrap();
    let is_busy = |error: &DirectoryError| matches!(error, DirectoryError::Busy(_));
    let upserted = directory.upsert(&new("acme")).await;
    assert!(
        matches!(&upserted, Err(UpsertError::Directory(error)) if is_busy(error)),
        "{upserted:?}"
    );
    let all = directory.upsert_all(&[new("a"), new("b")]).await.unwrap_err();
    assert_eq!(all.index(), None, "no tenant is to blame");
    assert!(
        matches!(all.reason(), UpsertError::Directory(error) if is_busy(error)),
        "{all:?}"
    );
    let removed = directory.remove(&acme).await;
    assert!(
        matches!(&removed, Err(ForgetError::Directory(error)) if is_busy(error)),
        "{removed:?}"
    );
    for busy in [
        directory_error(directory.set_status(&acme, TenantStatus::Suspended).await),
        directory.add_member(&acme, &alice).await,
        directory.remove_member(&acme, alice.subject(), None).await,
        directory.dangerously_set_placement(&acme, None).await,
        directory
            .dangerously_end_quarantine(&TenantKey::Slug("shop".parse().unwrap()))
            .await,
    ] {
        assert!(matches!(&busy, Err(error) if is_busy(error)), "{busy:?}");
    }
    lock.rollback().await.unwrap();
    assert!(directory.set_status(&acme, TenantStatus::Suspended).await.unwrap());
    let found = directory.find_by_id(&acme).await.unwrap().unwrap();
    assert_eq!(found.record().status, TenantStatus::Suspended);
}

#[tokio::test]
async fn a_failed_migration_leaves_the_pool_as_it_was() {
    let dir = tempdir().unwrap();
    let pool = pool_of_one(dir.path()).await;
    let in_the_way = "create table tenancy_domains (x)";
    sqlx::raw_sql(in_the_way).execute(&pool).await.unwrap();
    for polls in 0..20 {
        let failed = poll_at_most(polls, SqliteDirectory::from_pool(pool.clone())).await;
        assert!(!matches!(failed, Some(Ok(_))));
    }
    assert!(SqliteDirectory::from_pool(pool.clone()).await.is_err());
    // Nobody holds the write lock, and nothing is half made.
    let mut other = options(dir.path()).connect().await.unwrap();
    sqlx::raw_sql("drop table tenancy_domains")
        .execute(&mut other)
        .await
        .unwrap();
    let tables = "select count(*) from sqlite_schema where name like 'tenancy_%'";
    assert_eq!(seen(&mut other, tables).await, 0);
    let directory = SqliteDirectory::from_pool(pool).await.unwrap();
    directory.upsert(&new("acme")).await.unwrap();
}

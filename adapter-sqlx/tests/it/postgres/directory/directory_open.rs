//! The directory's own migrations, on a pool that is the application's.

use std::time::Duration;

use sqlx::migrate::Migrate;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool};
use tenancy_sqlx::{NewTenant, PgDirectory, StrategyError};

use crate::postgres::connection::cancel::poll_at_most;
use crate::postgres::support::server::TestDatabase;

async fn pool_of(database: &TestDatabase, connections: u32) -> PgPool {
    let pool = PgPoolOptions::new().max_connections(connections);
    pool.connect_with(database.administrator()).await.unwrap()
}

/// Bounded, so that one who waits for ever fails the test.
async fn open(database: &TestDatabase) -> Result<PgDirectory, StrategyError> {
    let opening = PgDirectory::open(database.administrator());
    tokio::time::timeout(Duration::from_secs(25), opening)
        .await
        .expect("somebody holds the migrator's lock")
}

fn acme() -> NewTenant {
    NewTenant::new("acme".parse().unwrap(), "row".parse().unwrap())
}

async fn run(connection: &mut PgConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

#[tokio::test]
async fn a_failed_migration_leaves_no_lock_in_the_pool() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, "create view tenancy_domains as select 1 as x").await;
    // The pool lives on, with the connection that migrated, if it was given back.
    let pool = pool_of(&database, 1).await;
    for _ in 0..2 {
        let failed = PgDirectory::from_pool(pool.clone()).await;
        assert!(matches!(failed, Err(StrategyError::Migrate(_))), "{failed:?}");
    }
    run(&mut administrator, "drop view tenancy_domains").await;
    open(&database).await.unwrap().upsert(&acme()).await.unwrap();
    // The pool is as good as before.
    let directory = PgDirectory::from_pool(pool.clone()).await.unwrap();
    assert_eq!(directory.list().await.unwrap().len(), 1);
    let setting: String = sqlx::query_scalar("show lock_timeout").fetch_one(&pool).await.unwrap();
    assert_eq!(setting, "0", "the pool's sessions keep their own settings");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opening_that_is_dropped_anywhere_leaves_no_lock_in_the_pool() {
    let mut cancelled = 0;
    for first in [0, 12, 24, 36] {
        let database = TestDatabase::new().await;
        let pool = pool_of(&database, 1).await;
        for polls in first..first + 12 {
            let opened = poll_at_most(polls, PgDirectory::from_pool(pool.clone())).await;
            cancelled += u32::from(opened.is_none());
        }
        open(&database).await.unwrap().upsert(&acme()).await.unwrap();
        let directory = PgDirectory::from_pool(pool).await.unwrap();
        assert_eq!(directory.list().await.unwrap().len(), 1);
    }
    assert!(cancelled > 10, "{cancelled} cancelled");
}

/// Nobody waits for a neighbour's migrations, or for a writer, only to start.
#[tokio::test]
async fn a_directory_that_is_up_to_date_is_opened_without_a_lock() {
    let database = TestDatabase::new().await;
    open(&database).await.unwrap();
    let mut administrator = database.connect().await;
    administrator.lock().await.unwrap();
    run(
        &mut administrator,
        "begin; lock table tenancy_tenants, tenancy_members in access exclusive mode",
    )
    .await;
    let directory = open(&database).await.unwrap();
    run(&mut administrator, "rollback").await;
    directory.upsert(&acme()).await.unwrap();
}

#[tokio::test]
async fn migrations_are_committed_in_a_pool_that_was_left_inside_a_transaction() {
    for left in ["begin", "begin; select 1 / 0"] {
        let database = TestDatabase::new().await;
        let pool = pool_of(&database, 1).await;
        let mut connection = pool.acquire().await.unwrap();
        drop(sqlx::raw_sql(left).execute(&mut *connection).await);
        drop(connection);
        PgDirectory::from_pool(pool).await.unwrap();
        let mut administrator = database.connect().await;
        run(&mut administrator, "select id from tenancy_tenants").await;
    }
}

/// A changed ledger is the migrator's to refuse.
#[tokio::test]
async fn a_directory_of_a_newer_version_is_refused() {
    let database = TestDatabase::new().await;
    open(&database).await.unwrap();
    let mut administrator = database.connect().await;
    for (change, back) in [
        (
            "insert into _tenancy_migrations select 99, 'newer', now(), true, '', 0",
            "delete from _tenancy_migrations where version = 99",
        ),
        (
            "update _tenancy_migrations set success = false where version = 2",
            "update _tenancy_migrations set success = true",
        ),
        (
            "update _tenancy_migrations set checksum = 'other' where version = 1",
            "",
        ),
    ] {
        run(&mut administrator, change).await;
        let refused = open(&database).await;
        assert!(matches!(refused, Err(StrategyError::Migrate(_))), "{refused:?}");
        run(&mut administrator, back).await;
    }
}

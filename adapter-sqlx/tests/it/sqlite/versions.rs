//! The versions of tenants' files, and the least one with which a tenant is served.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection};
use tempfile::TempDir;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{
    ErrorKind, FenceRefusal, PoolSettings, SqliteDatabaseBuilder, SqliteDatabaseStrategy, StrategyError,
    StrategyRegistry, TenantDb, TransactionError,
};

use crate::common::{admitted, migrations, row_options};

const NOTES: &str = "create table notes (id text not null primary key, body text)";
const MORE: &str = "alter table notes add column more integer";

fn options(dir: &TempDir, sql: &[&'static str]) -> SqliteDatabaseBuilder {
    SqliteDatabaseStrategy::builder(dir.path().join("tenants"))
        .with_migrations(migrations(sql))
        .with_pool(PoolSettings::new().with_max_connections(1))
}

async fn open(options: SqliteDatabaseBuilder) -> TenantDb<Sqlite> {
    TenantDb::new(StrategyRegistry::new().with(options.open().await.unwrap()).unwrap())
}

async fn file_of(dir: &TempDir, id: &str) -> SqliteConnection {
    let path = dir.path().join("tenants").join(format!("tenant-{id}.sqlite"));
    sqlx::sqlite::SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .unwrap()
}

async fn run(dir: &TempDir, id: &str, sql: &'static str) {
    let mut file = file_of(dir, id).await;
    sqlx::raw_sql(sql).execute(&mut file).await.unwrap();
    file.close().await.unwrap();
}

async fn is_served(db: &TenantDb<Sqlite>, member: &Admitted) -> bool {
    let is_behind = db.is_behind(member).await;
    let (read, written) = (db.begin_read(member).await, db.begin(member).await);
    for begun in [&read, &written] {
        if let Err(error) = begun {
            let TransactionError::Begin { source, .. } = error else {
                panic!("{error:?}");
            };
            assert!(
                matches!(source, StrategyError::Fenced(FenceRefusal::Behind)),
                "{error:?}"
            );
            let kind = ErrorKind::of(error);
            assert_eq!(
                (kind.status(), kind.code(), kind.retry_after()),
                (503, "tenant_updating", Some(5))
            );
        }
    }
    assert_eq!(read.is_ok(), written.is_ok());
    assert_eq!(is_behind, read.is_err());
    written.is_ok()
}

#[tokio::test]
async fn a_tenant_that_is_behind_is_refused_alone_until_it_has_migrated() {
    for is_fenced in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let fenced = |options: SqliteDatabaseBuilder| if is_fenced { options.with_fence() } else { options };
        let older = open(fenced(options(&dir, &[NOTES]))).await;
        let (acme, globex) = (admitted("acme", "database"), admitted("globex", "database"));
        older.provision(acme.tenant()).await.unwrap();
        let newer = open(fenced(options(&dir, &[NOTES, MORE])).with_minimum_version(2)).await;
        newer.provision(globex.tenant()).await.unwrap();
        for _ in 0..3 {
            assert!(!is_served(&newer, &acme).await);
            assert!(is_served(&newer, &globex).await);
            assert!(is_served(&older, &acme).await);
        }
        // An export reads what is behind.
        let mut tx = newer.dangerously_begin_in_any_status(&acme).await.unwrap();
        sqlx::raw_sql("select count(*) from notes")
            .execute(&mut *tx)
            .await
            .unwrap();
        drop(tx);
        newer.provision(acme.tenant()).await.unwrap();
        assert!(is_served(&newer, &acme).await);
        // What is not known is not enough.
        let forget = if is_fenced {
            "update tenancy_places set version = null"
        } else {
            "drop table tenancy_versions"
        };
        run(&dir, "acme", forget).await;
        assert!(!is_served(&newer, &acme).await);
        newer.provision(acme.tenant()).await.unwrap();
        assert!(is_served(&newer, &acme).await);
        // What is ahead is served.
        let behind = open(fenced(options(&dir, &[NOTES])).with_minimum_version(1)).await;
        assert!(is_served(&behind, &acme).await);
    }
}

#[tokio::test]
async fn a_refusal_keeps_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let acme = admitted("acme", "database");
    open(options(&dir, &[NOTES]))
        .await
        .provision(acme.tenant())
        .await
        .unwrap();
    let newer = open(options(&dir, &[NOTES, MORE]).with_minimum_version(2)).await;
    // A temporary table is the connection's.
    let mut tx = newer.dangerously_begin_in_any_status(&acme).await.unwrap();
    let before: i64 = sqlx::query_scalar("select count(*) from temp.tenancy_installed")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    drop(tx);
    for _ in 0..1000 {
        assert!(newer.begin(&acme).await.is_err());
    }
    let mut tx = newer.dangerously_begin_in_any_status(&acme).await.unwrap();
    let after: i64 = sqlx::query_scalar("select count(*) from temp.tenancy_installed")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!((before, after), (1, 1));
}

#[tokio::test]
async fn the_fence_takes_the_version_to_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let acme = admitted("acme", "database");
    open(options(&dir, &[NOTES, MORE]))
        .await
        .provision(acme.tenant())
        .await
        .unwrap();
    let builder = options(&dir, &[NOTES, MORE]);
    for _ in 0..2 {
        builder.enable_fence_of(acme.tenant()).await.unwrap();
        let place = builder.place_of(acme.tenant()).await.unwrap().unwrap();
        assert_eq!((place.epoch, place.version), (0, Some(2)));
    }
    let fenced = open(options(&dir, &[NOTES, MORE]).with_fence().with_minimum_version(2)).await;
    assert!(is_served(&fenced, &acme).await);
}

#[tokio::test]
async fn a_minimum_that_no_tenant_can_have_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let refused = options(&dir, &[NOTES]).with_minimum_version(2).open().await.map(drop);
    assert!(
        matches!(refused, Err(StrategyError::MinimumTooGreat { .. })),
        "{refused:?}"
    );
    let refused = row_options(&dir).with_minimum_version(99).open().await.map(drop);
    assert!(
        matches!(refused, Err(StrategyError::MinimumTooGreat { .. })),
        "{refused:?}"
    );
    row_options(&dir).with_minimum_version(1).open().await.unwrap();
}

//! What errors of SQLite, of sqlx and of this crate mean for the answer to a client.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::error::Error;
use std::io;
use std::time::Duration;

use sqlx::Sqlite;
use tempfile::TempDir;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{
    ErrorKind, PoolSettings, SqliteDatabaseStrategy, StrategyError, StrategyRegistry, TenantDb, TenantTable,
    TransactionError,
};

use crate::common;
use crate::common::{migrations, notes_table, row_options, row_tenant, run};
use crate::polling::at_last;

const TABLES: &str = "create table notes_rows (
        tenant_id text not null, id text not null, body text not null check (body <> 'bad'), rank integer,
        primary key (tenant_id, id), unique (tenant_id, rank)) strict;
    create table replies_rows (
        tenant_id text not null, id text not null, note text not null, kept text,
        primary key (tenant_id, id),
        foreign key (tenant_id, note) references notes_rows (tenant_id, id),
        foreign key (tenant_id, kept) references notes_rows (tenant_id, id) on delete restrict)";

const OWN_TABLES: &str = "create table notes (
        id text primary key, body text not null check (body <> 'bad'), rank integer unique) strict;
    create table replies (
        id text primary key, note text not null references notes (id),
        kept text references notes (id) on delete restrict);
    create table numbers (id integer primary key)";

/// Longer than anything here takes.
const PATIENT: Duration = Duration::from_secs(30);

async fn open(dir: &TempDir, busy_timeout: Duration) -> (TenantDb<Sqlite>, [Admitted; 2]) {
    let row = tenancy_sqlx::SqliteRowStrategy::builder(dir.path().join("rows.sqlite"))
        .with_migrations(migrations(&[TABLES]))
        .with_table(notes_table())
        .with_table(TenantTable::new("replies", "replies_rows").unwrap())
        .open()
        .await
        .unwrap();
    let database = SqliteDatabaseStrategy::builder(dir.path().join("tenants"))
        .with_migrations(migrations(&[OWN_TABLES]))
        .with_busy_timeout(busy_timeout)
        .open()
        .await
        .unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(row).unwrap().with(database).unwrap());
    let members = ["row", "database"].map(|strategy| common::admitted("a", strategy));
    for member in &members {
        db.provision(member.tenant()).await.unwrap();
        let mut tx = db.begin(member).await.unwrap();
        let sql = "insert into notes (id, body, rank) values ('1', 'x', 1), ('2', 'x', 2);
            insert into replies (id, note, kept) values ('1', '1', '2')";
        run(&mut tx, sql).await.unwrap();
        tx.commit().await.unwrap();
    }
    (db, members)
}

#[tokio::test]
async fn a_statement_s_error_is_the_client_s_or_the_service_s() {
    let dir = tempfile::tempdir().unwrap();
    let (db, members) = open(&dir, PATIENT).await;
    for (sql, expected) in [
        ("insert into notes (id, body) values ('1', 'x')", ErrorKind::Conflict),
        (
            "insert into notes (id, body, rank) values ('3', 'x', 1)",
            ErrorKind::Conflict,
        ),
        (
            "insert into replies (id, note) values ('2', 'none')",
            ErrorKind::Conflict,
        ),
        ("delete from notes where id = '1'", ErrorKind::Conflict),
        ("delete from notes where id = '2'", ErrorKind::Conflict),
        ("insert into notes (id, body) values ('3', null)", ErrorKind::Invalid),
        ("insert into notes (id, body) values ('3', 'bad')", ErrorKind::Invalid),
        (
            "insert into notes (id, body, rank) values ('3', 'x', 'y')",
            ErrorKind::Invalid,
        ),
        (
            "insert into notes (id, body) values ('3', zeroblob(2000000000))",
            ErrorKind::Invalid,
        ),
        ("select * from nothing", ErrorKind::Internal),
        ("not sql", ErrorKind::Internal),
        ("select raise(abort, 'x')", ErrorKind::Internal),
    ] {
        for member in &members {
            let mut tx = db.begin(member).await.unwrap();
            let error = run(&mut tx, sql).await.unwrap_err();
            assert_eq!(
                ErrorKind::of(&error),
                expected,
                "{}: {sql}: {error}",
                member.tenant().strategy
            );
        }
    }
    let [_, own] = &members;
    let mut tx = db.begin(own).await.unwrap();
    let mismatch = run(&mut tx, "insert into numbers values ('x')").await.unwrap_err();
    assert_eq!(ErrorKind::of(&mismatch), ErrorKind::Invalid, "{mismatch}");
}

#[tokio::test]
async fn another_writer_is_waited_for_and_then_told_as_unavailable() {
    let dir = tempfile::tempdir().unwrap();
    let (db, [_, own]) = open(&dir, PATIENT).await;
    let impatient = SqliteDatabaseStrategy::builder(dir.path().join("tenants"))
        .with_migrations(migrations(&[OWN_TABLES]))
        .with_busy_timeout(Duration::from_millis(1));
    let impatient = TenantDb::new(StrategyRegistry::new().with(impatient.open().await.unwrap()).unwrap());
    let writer = db.begin(&own).await.unwrap();
    let refused = impatient.begin(&own).await.unwrap_err();
    assert!(refused.is_unavailable() && !refused.is_exhausted(), "{refused:?}");
    writer.commit().await.unwrap();
    db.begin(&own).await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn an_exhausted_pool_is_told_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let row = row_options(&dir).with_pool(PoolSettings::new().with_acquire_timeout(Duration::from_millis(500)));
    let database = SqliteDatabaseStrategy::builder(dir.path().join("tenants")).with_pool(
        PoolSettings::new()
            .with_max_connections(1)
            .with_acquire_timeout(Duration::from_millis(500)),
    );
    let registry = StrategyRegistry::new().with(row.open().await.unwrap()).unwrap();
    let db = TenantDb::new(registry.with(database.open().await.unwrap()).unwrap());
    for member in [row_tenant("a"), common::admitted("a", "database")] {
        db.provision(member.tenant()).await.unwrap();
        for _ in 0..2 {
            let held = (
                at_last(|| async { db.begin(&member).await }).await,
                at_last(|| async { db.begin_read(&member).await }).await,
            );
            for error in [db.begin(&member).await, db.begin_read(&member).await].map(Result::unwrap_err) {
                let is_told = matches!(
                    error,
                    TransactionError::Begin {
                        source: StrategyError::TooManyInUse { max: 1 },
                        ..
                    }
                );
                assert!(is_told, "{error:?}");
                assert!(error.is_exhausted() && error.is_unavailable());
                assert_eq!((error.kind().status(), error.kind().retry_after()), (503, Some(1)));
            }
            drop(held);
        }
    }
}

/// A transaction that cannot begin or be committed is never the client's fault.
#[test]
fn errors_without_a_code() {
    let io = || sqlx::Error::Io(io::Error::from(io::ErrorKind::ConnectionReset));
    let begin = |source: StrategyError| TransactionError::Begin {
        tenant: "a".parse().unwrap(),
        source,
    };
    let encode = || sqlx::Error::Encode("out of range".into());
    let cases: [(Box<dyn Error>, ErrorKind); 16] = [
        (Box::new(io()), ErrorKind::Unavailable),
        (Box::new(sqlx::Error::PoolTimedOut), ErrorKind::Unavailable),
        (Box::new(sqlx::Error::WorkerCrashed), ErrorKind::Unavailable),
        (Box::new(sqlx::Error::RowNotFound), ErrorKind::Internal),
        (Box::new(sqlx::Error::ColumnNotFound("x".into())), ErrorKind::Internal),
        (Box::new(sqlx::Error::Decode("x".into())), ErrorKind::Internal),
        (Box::new(encode()), ErrorKind::Invalid),
        (Box::new(begin(encode().into())), ErrorKind::Internal),
        (Box::new(begin(io().into())), ErrorKind::Unavailable),
        (Box::new(begin(StrategyError::Closed)), ErrorKind::Unavailable),
        (Box::new(begin(StrategyError::other(io()))), ErrorKind::Unavailable),
        (Box::new(begin(StrategyError::other("x"))), ErrorKind::Internal),
        (
            Box::new(begin(StrategyError::TooManyInUse { max: 1 })),
            ErrorKind::Exhausted,
        ),
        (Box::new(TransactionError::Commit(io())), ErrorKind::Unconfirmed),
        (Box::new(TransactionError::NotOpen), ErrorKind::Internal),
        (Box::new(io::Error::other("x")), ErrorKind::Internal),
    ];
    for (error, expected) in cases {
        assert_eq!(ErrorKind::of(&*error), expected, "{error:?}");
    }
    #[derive(Debug, thiserror::Error)]
    enum Held {
        #[error("in a box")]
        Boxed(#[source] Box<sqlx::Error>),
        #[error("shared")]
        Shared(#[source] std::sync::Arc<sqlx::Error>),
        #[error("of any type")]
        Any(#[source] Box<dyn Error + Send + Sync>),
    }
    for held in [
        Held::Boxed(Box::new(io())),
        Held::Shared(std::sync::Arc::new(io())),
        Held::Any(Box::new(io())),
        Held::Any(Box::new(Held::Boxed(Box::new(io())))),
    ] {
        assert_eq!(ErrorKind::of(&held), ErrorKind::Unavailable, "{held:?}");
    }
    // The client may not do it again: it may have been done.
    assert_eq!(ErrorKind::Unconfirmed.retry_after(), None);
    assert!(!ErrorKind::Unconfirmed.is_retryable());
}

/// A report prints each error of a chain once.
#[test]
fn an_error_of_a_strategy_of_one_s_own_is_printed_once() {
    let error = TransactionError::Begin {
        tenant: "a".parse().unwrap(),
        source: StrategyError::other(io::Error::other("the disk is gone")),
    };
    let texts: Vec<_> = std::iter::successors(Some(&error as &dyn Error), |error| {
        let error: &dyn Error = *error;
        error.source()
    })
    .map(ToString::to_string)
    .collect();
    assert_eq!(
        texts,
        ["failed to begin a transaction of the tenant `a`", "the disk is gone"]
    );
}

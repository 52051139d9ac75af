//! What a transaction does to the schema that all tenants share does not outlive it.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::time::Duration;

use sqlx::Sqlite;
use tempfile::{TempDir, tempdir};
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{PoolSettings, StrategyError, StrategyRegistry, TenantDb, TransactionError, UnsafeSchema};

use crate::across::AcrossTenants as _;
use crate::common::*;

/// Two tenants with a note each, a shared table with an index, and an acquire time-out that is never reached.
pub(super) async fn two_tenants(dir: &TempDir) -> (TenantDb<Sqlite>, Admitted, Admitted) {
    let rows = row_options(dir)
        .with_migrations(migrations(&[
            NOTES,
            "create table shared (x); create index shared_x on shared (x)",
        ]))
        .with_pool(PoolSettings::new().with_acquire_timeout(Duration::from_secs(600)));
    let db = TenantDb::new(StrategyRegistry::new().with(rows.open().await.unwrap()).unwrap());
    let (a, b) = (row_tenant("a"), row_tenant("b"));
    for tenant in [&a, &b] {
        let mut tx = db.begin(tenant).await.unwrap();
        let sql = format!("insert into notes (id, body) values ('1', 'of {}')", tenant.tenant().id);
        run(&mut tx, &sql).await.unwrap();
        tx.commit().await.unwrap();
    }
    (db, a, b)
}

pub(super) async fn schema(db: &TenantDb<Sqlite>) -> Vec<String> {
    let mut tx = db.across_tenants().await.unwrap();
    texts(
        &mut tx,
        "select name || coalesce(sql, '') from sqlite_schema order by rowid",
    )
    .await
}

pub(super) async fn is_served(db: &TenantDb<Sqlite>, tenants: [&Admitted; 2], sql: &str) {
    for tenant in tenants {
        let mut tx = db.begin(tenant).await.unwrap();
        let own = format!("of {}", tenant.tenant().id);
        assert_eq!(
            texts(&mut tx, "select body from notes where id = '1'").await,
            [own],
            "{sql}"
        );
        run(&mut tx, "insert or replace into notes (id) values ('2')")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.begin_read(tenant).await.unwrap();
        assert_eq!(run(&mut tx, "select * from notes").await.unwrap(), 2, "{sql}");
        tx.commit().await.unwrap();
    }
}

const DDL: &[&str] = &[
    "create view everything as select * from notes_rows",
    "create table copied as select * from notes",
    "create table copied as select * from notes_rows",
    "create table plain (x)",
    "create virtual table search using fts5(body, content='notes_rows')",
    "create index extra on notes_rows (body)",
    "create unique index extra on notes_rows (rank, id, tenant_id)",
    "create trigger spy after insert on notes_rows begin insert into shared values (new.body); end",
    "alter table notes_rows add column more",
    "alter table notes_rows rename to notes_elsewhere",
    "alter table shared rename to notes_archive",
    "drop table notes_rows",
    "drop table main.notes_rows",
    "drop table shared",
    "drop index shared_x",
    "analyze",
    "drop table shared; create table shared (x)",
    "savepoint s; create table plain (x); release s",
];

#[tokio::test]
async fn a_commit_of_a_changed_schema_is_an_error_and_changes_nothing() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    let before = schema(&db).await;
    for sql in DDL {
        let mut tx = db.begin(&a).await.unwrap();
        run(&mut tx, "update notes set body = 'changed'").await.unwrap();
        run(&mut tx, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let refused = tx.commit().await;
        assert!(
            matches!(refused, Err(TransactionError::SchemaChanged)),
            "{sql}: {refused:?}"
        );
        assert_eq!(schema(&db).await, before, "{sql}");
        is_served(&db, [&b, &a], sql).await;
    }
}

#[tokio::test]
async fn a_commit_that_is_sent_as_sql_changes_no_schema_either() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    let before = schema(&db).await;
    for sql in DDL {
        for commit in ["commit", "end transaction", "COMMIT; begin"] {
            let mut tx = db.begin(&a).await.unwrap();
            let refused = run(&mut tx, &format!("{sql}; {commit}")).await;
            assert!(refused.is_err(), "{sql}; {commit}");
            assert!(tx.commit().await.is_err(), "{sql}; {commit}");
            assert_eq!(schema(&db).await, before, "{sql}; {commit}");
            is_served(&db, [&b, &a], sql).await;
        }
    }
}

#[tokio::test]
async fn a_commit_is_of_the_transaction_that_was_begun() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    let before = schema(&db).await;
    for sql in [
        "rollback",
        "rollback; begin",
        "rollback; begin; insert into shared values (1)",
        "rollback; begin immediate; create table plain (x)",
        "insert or rollback into notes (id) values ('1')",
        "commit",
        "commit; begin; insert into shared values (1)",
    ] {
        let mut tx = db.begin(&a).await.unwrap();
        run(&mut tx, "update notes set body = 'changed'").await.unwrap();
        run(&mut tx, sql).await.ok();
        let refused = tx.commit().await;
        assert!(matches!(refused, Err(TransactionError::NotOpen)), "{sql}: {refused:?}");
        assert_eq!(schema(&db).await, before, "{sql}");
        is_served(&db, [&b, &a], sql).await;
        let mut tx = db.begin(&b).await.unwrap();
        assert_eq!(run(&mut tx, "select * from shared").await.unwrap(), 0, "{sql}");
    }
}

#[tokio::test]
async fn a_deferred_key_fails_at_the_commit_and_undoes_it() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    let mut tx = db.across_tenants().await.unwrap();
    let child = "create table child (id text references shared_parent deferrable initially deferred);
        create table shared_parent (id text primary key)";
    run(&mut tx, child).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.begin(&a).await.unwrap();
    run(&mut tx, "insert into child values ('nowhere')").await.unwrap();
    let refused = tx.commit().await;
    let Err(TransactionError::Commit(error)) = refused else {
        panic!("{refused:?}")
    };
    assert!(error.to_string().contains("FOREIGN KEY"), "{error}");
    is_served(&db, [&b, &a], child).await;
    let mut tx = db.begin(&b).await.unwrap();
    assert_eq!(run(&mut tx, "select * from child").await.unwrap(), 0);
}

#[tokio::test]
async fn what_administration_adds_is_served_if_it_shows_nothing() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    for sql in [
        "create table plain (x)",
        "create view plain_view as select x from plain",
        "create view broken as select * from not_there",
        "create index more on notes_rows (body)",
        "alter table notes_rows add column more",
    ] {
        let mut tx = db.across_tenants().await.unwrap();
        run(&mut tx, sql).await.unwrap();
        tx.commit().await.unwrap();
        is_served(&db, [&a, &b], sql).await;
    }
}

/// At once, not after the acquire time-out, which is longer than any test may take.
#[tokio::test]
async fn what_makes_the_schema_unsafe_is_named_until_it_is_gone() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    for (sql, undo) in [
        (
            "create view everything as select * from notes_rows",
            "drop view everything",
        ),
        ("create table copied as select * from notes_rows", "drop table copied"),
        (
            "alter table notes_rows rename to away",
            "alter table away rename to notes_rows",
        ),
        // Nobody's tenant: made without a transaction, after the tenant's own was rolled back behind its back.
        (
            "create trigger spy after insert on notes_rows begin insert into shared values (new.body); end",
            "drop trigger spy",
        ),
    ] {
        let mut tx = db.begin(&a).await.unwrap();
        run(&mut tx, &format!("rollback; {sql}")).await.unwrap();
        drop(tx);
        for tenant in [&a, &b, &a, &b] {
            for begun in [db.begin(tenant).await, db.begin_read(tenant).await] {
                let Err(TransactionError::Begin {
                    source: StrategyError::UnsafeSchema(reason),
                    ..
                }) = begun
                else {
                    panic!("{sql}: {begun:?}")
                };
                let named = reason.to_string();
                assert!(
                    ["everything", "copied", "notes_rows", "spy"]
                        .iter()
                        .any(|name| named.contains(name)),
                    "{named}"
                );
            }
        }
        let mut tx = db.across_tenants().await.unwrap();
        run(&mut tx, undo).await.unwrap();
        tx.commit().await.unwrap();
        is_served(&db, [&a, &b], sql).await;
    }
}

#[tokio::test]
async fn a_trigger_that_does_not_compile_is_named_at_once() {
    let dir = tempdir().unwrap();
    let (db, a, _) = two_tenants(&dir).await;
    let mut tx = db.across_tenants().await.unwrap();
    run(
        &mut tx,
        "create trigger t after insert on notes_rows begin insert into not_there values (1); end",
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let Err(TransactionError::Begin { source, .. }) = db.begin(&a).await else {
        panic!("it began")
    };
    let reason = std::error::Error::source(&source).unwrap().to_string();
    assert!(reason.contains("not_there"), "{reason}");
}

#[tokio::test]
async fn callers_that_begin_at_once_are_all_given_the_reason() {
    let dir = tempdir().unwrap();
    let (db, a, _) = two_tenants(&dir).await;
    let mut tx = db.across_tenants().await.unwrap();
    run(&mut tx, "create view everything as select * from notes_rows")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let waiting = (0..4).map(|_| {
        let (db, a) = (db.clone(), a.clone());
        tokio::spawn(async move { db.begin(&a).await.map(drop) })
    });
    for one in waiting.collect::<Vec<_>>() {
        let Err(TransactionError::Begin {
            source: StrategyError::UnsafeSchema(reason),
            ..
        }) = one.await.unwrap()
        else {
            panic!("it began")
        };
        assert!(
            matches!(
                reason,
                UnsafeSchema::LeakingView { .. } | UnsafeSchema::Undeclared { .. }
            ),
            "{reason:?}"
        );
    }
}

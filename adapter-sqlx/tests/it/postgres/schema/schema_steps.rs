//! Provisioning of a schema step by step: each migration commits by itself, and what failed is continued.

use sqlx::Connection;
use tenancy_sqlx::StrategyError;

use crate::postgres::support::schema_server::{
    NOTES, begin_error, member, notes_of, open, options, provision_error, provision_with_note, run, versions,
};
use crate::postgres::support::server::{TestDatabase, migrations};

pub(super) const ENUM: [&str; 3] = [
    "create type colour as enum ('red')",
    "alter type colour add value 'blue'",
    "create table cars (colour colour not null default 'blue'); insert into cars values ('blue')",
];

pub(super) const INDEX: &str = "-- no-transaction\ncreate index concurrently notes_body on notes (body)";

fn is_unprovisioned(error: &StrategyError) -> bool {
    matches!(error, StrategyError::NotProvisioned { .. })
}

/// In one transaction PostgreSQL refuses to use the new value.
#[tokio::test]
async fn a_value_of_an_enum_is_used_by_a_later_migration() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_migrations(migrations(&ENUM))).await;
    for _ in 0..2 {
        db.provision(member("acme").tenant()).await.unwrap();
    }
    assert_eq!(versions(&database, "acme").await, [1, 2, 3]);
    let mut tx = db.begin(&member("acme")).await.unwrap();
    let cars: Vec<String> = sqlx::query_scalar("select colour::text from cars")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert_eq!(cars, ["blue"]);
}

#[tokio::test]
async fn a_migration_that_fails_leaves_those_before_it_and_is_continued() {
    let database = TestDatabase::new().await;
    let fails = "create table tags (id int); select 1 / 0";
    let all = [
        NOTES,
        INDEX,
        "create table tags (id int)",
        "alter table tags add column name text",
    ];
    for done in 0..all.len() {
        let mut steps = all;
        steps[done] = fails;
        let (db, _) = open(options(&database).with_migrations(migrations(&steps))).await;
        for _ in 0..2 {
            let error = provision_error(&db, "acme").await;
            assert!(matches!(error, StrategyError::Migrate(_)), "{error:?}");
            assert!(is_unprovisioned(&begin_error(&db, "acme").await), "after {done}");
            let expected: Vec<i64> = (1..).take(done).collect();
            assert_eq!(versions(&database, "acme").await, expected);
        }
    }
    let (db, _) = open(options(&database).with_migrations(migrations(&all))).await;
    assert!(is_unprovisioned(&begin_error(&db, "acme").await));
    provision_with_note(&db, "acme").await;
    assert_eq!(versions(&database, "acme").await, [1, 2, 3, 4]);
}

/// Tenants who are behind are served, as while a new version is rolled out.
#[tokio::test]
async fn a_tenant_from_before_is_served_when_a_later_migration_fails() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database)).await;
    provision_with_note(&db, "acme").await;
    let more = migrations(&[NOTES, "alter table notes add column stamp int", "select 1 / 0"]);
    let (newer, _) = open(options(&database).with_migrations(more)).await;
    provision_error(&newer, "acme").await;
    assert_eq!(versions(&database, "acme").await, [1, 2]);
    // A connection from before the migration that has run is replaced.
    assert_eq!(notes_of(&newer, "acme").await, ["of acme"]);
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
}

/// The application had the schema before there were migrations. It is closed to it until they are in.
#[tokio::test]
async fn a_schema_from_before_is_closed_until_its_first_migrations_are_in() {
    let database = TestDatabase::new().await;
    let sql = "create schema tenant_acme; grant usage on schema tenant_acme to APP";
    run(&mut database.connect().await, database.named(sql)).await;
    let (db, _) = open(options(&database).with_migrations(migrations(&[NOTES, "select 1 / 0"]))).await;
    provision_error(&db, "acme").await;
    assert!(is_unprovisioned(&begin_error(&db, "acme").await));
}

/// The connection's own role counts, not one that a transaction before has set.
#[tokio::test]
async fn a_role_that_was_set_opens_no_schema() {
    let database = TestDatabase::new().await;
    // May make roles and give them to the application.
    let mut superuser = database.superuser().await;
    let role = format!("{}_reader", database.application_role());
    run(
        &mut superuser,
        database.named(&format!(
            "create role {role}; grant {role} to APP; alter role APP noinherit"
        )),
    )
    .await;
    let (db, _) = open(options(&database)).await;
    provision_with_note(&db, "globex").await;
    let failing = migrations(&[NOTES, "select 1 / 0"]);
    let (half, _) = open(options(&database).with_migrations(failing)).await;
    provision_error(&half, "acme").await;
    let sql = format!("grant usage on schema tenant_acme to {role}");
    run(&mut database.connect().await, sql).await;
    let mut tx = db.begin(&member("globex")).await.unwrap();
    run(&mut tx, format!("set role {role}")).await;
    tx.commit().await.unwrap();
    assert!(is_unprovisioned(&begin_error(&db, "acme").await));
    assert_eq!(notes_of(&db, "globex").await, ["of globex"]);
    drop((db, half));
    run(&mut superuser, format!("drop owned by {role}; drop role {role}")).await;
}

/// What stands behind the end of its transaction could not be undone.
#[tokio::test]
async fn a_migration_that_ends_its_transaction_is_refused() {
    let database = TestDatabase::new().await;
    run(&mut database.connect().await, "create schema shop").await;
    for sql in [
        "commit; create table shop.orders (id int)",
        "create table tags (id int); COMMIT; create table shop.orders (id int); begin",
        "rollback; create table shop.orders (id int)",
        "end; create table shop.orders (id int)",
        "-- no-transaction\nbegin; create table shop.orders (id int); commit",
    ] {
        let (db, _) = open(options(&database).with_migrations(migrations(&[NOTES, sql]))).await;
        let error = provision_error(&db, "acme").await;
        assert!(
            error.to_string().contains("migration 2 ends its transaction"),
            "{error}"
        );
    }
    let sql = "select to_regclass('shop.orders') is null and to_regclass('tenant_acme.tags') is null";
    let is_clean: bool = sqlx::query_scalar(sql)
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert!(is_clean);
}

#[tokio::test]
async fn what_has_run_is_compared_with_what_there_is() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_migrations(migrations(&[NOTES, "select 1", "select 3"]))).await;
    db.provision(member("acme").tenant()).await.unwrap();
    for (steps, expected) in [
        (
            vec![NOTES, "select 2", "select 3"],
            "migration 2 was previously applied but has been modified",
        ),
        (
            vec![NOTES, "select 1"],
            "migration 3 was previously applied but is missing in the resolved migrations",
        ),
    ] {
        let (other, _) = open(options(&database).with_migrations(migrations(&steps))).await;
        match provision_error(&other, "acme").await {
            StrategyError::Migrate(error) => assert_eq!(error.to_string(), expected),
            error => panic!("{error:?}"),
        }
    }
    // What was begun outside of a transaction, and is none of the migrations any more.
    let mut administrator = database.connect().await;
    let begun = "insert into tenant_acme._sqlx_migrations values (9, 'test', now(), false, '', -1)";
    run(&mut administrator, begun).await;
    let error = provision_error(&db, "acme").await;
    let is_dirty = matches!(error, StrategyError::Migrate(sqlx::migrate::MigrateError::Dirty(9)));
    assert!(is_dirty, "{error:?}");
    administrator.close().await.unwrap();
}

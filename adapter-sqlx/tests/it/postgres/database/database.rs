//! A database for each tenant: what a transaction sees, and how many connections there are.

use std::time::Duration;

use futures_util::future::join_all;
use tenancy_sqlx::{PoolSettings, SchemaNameError, StrategyError};

use crate::polling::at_last;
use crate::postgres::connection::cancel::poll_at_most;
use crate::postgres::support::database_server::{
    TENANTS, begin_error, member, notes_of, open, options, provision_with_note,
};
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{TestDatabase, bodies, code};

#[tokio::test]
async fn the_same_words_are_each_tenants_own() {
    let database = TestDatabase::new().await;
    // Each transaction must take the other's place.
    let (db, _) = open(options(&database).with_pool(PoolSettings::new().with_max_connections(1))).await;
    for id in ["acme", "globex"] {
        provision_with_note(&db, id).await;
    }
    for _ in 0..3 {
        assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
        assert_eq!(notes_of(&db, "globex").await, ["of globex"]);
    }
    let mut tx = db.begin(&member("acme")).await.unwrap();
    run(&mut tx, "update notes set body = 'changed'").await;
    tx.commit().await.unwrap();
    assert_eq!(notes_of(&db, "acme").await, ["changed"]);
    assert_eq!(notes_of(&db, "globex").await, ["of globex"]);
    let mut tx = db.begin(&member("acme")).await.unwrap();
    let foreign = format!("select * from \"{}globex\".public.notes", database.prefix());
    let found = sqlx::raw_sql(sqlx::AssertSqlSafe(foreign)).execute(&mut *tx).await;
    assert_eq!(code(found), "0A000");
}

#[tokio::test]
async fn an_id_names_one_database_or_none() {
    let database = TestDatabase::new().await;
    let room = 63 - database.prefix().len();
    let (fits, too_long) = ("a".repeat(room), "a".repeat(room + 1));
    let (db, _) = open(options(&database)).await;
    provision_with_note(&db, &fits).await;
    assert_eq!(notes_of(&db, &fits).await, [format!("of {fits}")]);
    let error = begin_error(&db, &too_long).await;
    assert!(matches!(error, StrategyError::SchemaName { .. }), "{error:?}");
    let (db, _) = open(options(&database).with_prefix("")).await;
    for id in ["postgres", "template0", "template1"] {
        let StrategyError::SchemaName { source, .. } = begin_error(&db, id).await else {
            panic!("{id}")
        };
        assert!(matches!(source, SchemaNameError::Reserved { .. }), "{source:?}");
    }
}

#[tokio::test]
async fn the_next_transaction_finds_a_clean_session() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_pool(PoolSettings::new().with_max_connections(1))).await;
    provision_with_note(&db, "acme").await;
    for sql in [
        "set default_transaction_read_only = on",
        "set search_path = pg_catalog",
        "create temp table notes (body text)",
        "rollback; begin; select 1 / 0",
    ] {
        let mut tx = db.begin(&member("acme")).await.unwrap();
        let _ = sqlx::raw_sql(sql).execute(&mut *tx).await;
        let _ = tx.commit().await;
        let mut tx = db.begin(&member("acme")).await.unwrap();
        assert_eq!(bodies(&mut tx).await, ["of acme"], "{sql}");
        run(&mut tx, "update notes set body = 'of acme'").await;
    }
}

#[tokio::test]
async fn readers_do_not_write_and_the_application_changes_no_schema() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database)).await;
    provision_with_note(&db, "acme").await;
    let mut tx = db.begin_read(&member("acme")).await.unwrap();
    assert_eq!(
        code(sqlx::raw_sql("delete from notes").execute(&mut *tx).await),
        "25006"
    );
    // Behind a pooler this session is what the next transaction would wait for.
    drop(tx);
    for sql in [
        "create table mine ()",
        "create schema mine",
        "create temp table mine ()",
        "truncate notes",
        "drop table notes",
        "select * from _sqlx_migrations",
        "create database mine",
    ] {
        let mut tx = db.begin(&member("acme")).await.unwrap();
        let refused = code(sqlx::raw_sql(sql).execute(&mut *tx).await);
        assert!(matches!(&*refused, "42501" | "25001"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn who_waits_too_long_is_refused() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_pool(PoolSettings::new().with_max_connections(1))).await;
    for id in ["acme", "globex"] {
        provision_with_note(&db, id).await;
    }
    let (db, _) = open(
        options(&database).with_pool(
            PoolSettings::new()
                .with_max_connections(1)
                .with_acquire_timeout(Duration::from_millis(300)),
        ),
    )
    .await;
    let held = at_last(|| async { db.begin(&member("acme")).await }).await;
    for id in ["acme", "globex"] {
        let error = begin_error(&db, id).await;
        assert!(matches!(error, StrategyError::TooManyInUse { max: 1 }), "{error:?}");
    }
    drop(held);
    let mut tx = at_last(|| async { db.begin_read(&member("globex")).await }).await;
    assert_eq!(bodies(&mut tx).await, ["of globex"]);
    drop(tx);
    db.close().await;
    let error = begin_error(&db, "acme").await;
    assert!(matches!(error, StrategyError::Closed), "{error:?}");
}

/// However often a beginning is cancelled, no place is lost, and nobody gets another's connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_futures_lose_no_place() {
    let database = TestDatabase::new().await;
    let (db, _) = open(
        options(&database)
            .with_pool(PoolSettings::new().with_max_connections(2))
            .with_max_connections_per_tenant(1),
    )
    .await;
    for id in TENANTS {
        provision_with_note(&db, id).await;
    }
    for turn in 0..400_u32 {
        let id = TENANTS[turn as usize % TENANTS.len()];
        let work = async {
            let mut tx = db.begin(&member(id)).await.unwrap();
            assert_eq!(bodies(&mut tx).await, [format!("of {id}")]);
            tx.commit().await.unwrap();
        };
        let _ = poll_at_most(turn % 16, work).await;
    }
    let all = TENANTS.map(|id| notes_of(&db, id));
    assert_eq!(join_all(all).await, TENANTS.map(|id| vec![format!("of {id}")]));
}

#[tokio::test]
async fn a_killed_connection_is_replaced() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_pool(PoolSettings::new().with_max_connections(1))).await;
    provision_with_note(&db, "acme").await;
    // Ends sessions of another role.
    let mut superuser = database.superuser().await;
    for _ in 0..3 {
        let sql = format!(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = '{}'",
            database.application_role()
        );
        run(&mut superuser, sql).await;
        assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
    }
}

/// A tenant's transaction that is given up is not the one in which its next request writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_future_leaves_no_transaction_open() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_pool(PoolSettings::new().with_max_connections(1))).await;
    for id in ["acme", "globex"] {
        provision_with_note(&db, id).await;
    }
    let (mut cancelled, mut finished) = (0, 0);
    for run in 0..300_u32 {
        let work = async {
            let mut tx = db.begin(&member("acme")).await.unwrap();
            let sql = "update notes set body = 'lost'";
            sqlx::query(sql).execute(&mut *tx).await.unwrap();
            // Long enough for the last drops to be here.
            sqlx::raw_sql("select pg_sleep(0.001)").execute(&mut *tx).await.unwrap();
            tx.rollback().await.unwrap();
        };
        match poll_at_most(run % 16, work).await {
            None => cancelled += 1,
            Some(()) => finished += 1,
        }
        // The other tenant's turn now and then: its connection takes the place of this one's.
        let id = if run % 10 == 0 { "globex" } else { "acme" };
        let mut tx = db.begin(&member(id)).await.unwrap();
        assert_eq!(bodies(&mut tx).await, [format!("of {id}")], "run {run}");
        let sql = "update notes set name = $1";
        sqlx::query(sql).bind(run.to_string()).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
    for (id, last) in [("acme", "299"), ("globex", "290")] {
        let mut tx = db.begin_read(&member(id)).await.unwrap();
        let name: String = sqlx::query_scalar("select name from notes")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(name, last, "{id}");
    }
    assert!(
        cancelled > 50 && finished > 0,
        "{cancelled} cancelled, {finished} finished"
    );
}

/// Behind a pooler statements of one name would meet, also two clients' of one tenant.
#[tokio::test]
async fn behind_a_pooler_no_statement_stays_prepared() {
    let database = TestDatabase::new().await;
    let client = || {
        let options = options(&database)
            .with_pool(PoolSettings::new().with_max_connections(1))
            .with_transaction_pooler();
        open(options)
    };
    let clients = [client().await.0, client().await.0];
    provision_with_note(&clients[0], "acme").await;
    provision_with_note(&clients[0], "globex").await;
    for id in ["acme", "globex", "acme"] {
        for db in &clients {
            assert_eq!(notes_of(db, id).await, [format!("of {id}")]);
            let mut tx = db.begin_read(&member(id)).await.unwrap();
            let prepared = sqlx::raw_sql("select count(*)::text from pg_prepared_statements");
            let row = prepared.fetch_one(&mut *tx).await.unwrap();
            assert_eq!(sqlx::Row::get::<String, _>(&row, 0), "0", "{id}");
        }
    }
}

//! A database for each tenant: what a transaction sees, and how many connections there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tenancy_core::{PlacementName, TenantRecord};
use tenancy_sqlx::{PgServer, SchemaNameError, StrategyError, TransactionError};

use crate::cancel::poll_at_most;
use crate::database_server::{
    begin_error, connections, member, member_of, notes_of, open, options, provision_with_note,
};
use crate::schema_server::run;
use crate::server::{TestDatabase, bodies, code};

const TENANTS: [&str; 4] = ["acme", "globex", "initech", "umbrella"];

#[tokio::test]
async fn the_same_words_are_each_tenants_own() {
    let database = TestDatabase::new().await;
    // Each transaction must take the other's place.
    let (db, _) = open(options(&database).with_max_connections(1));
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
async fn a_tenant_without_a_database_is_not_served() {
    let database = TestDatabase::new().await;
    let (db, strategy) = open(options(&database).with_max_connections(2));
    provision_with_note(&db, "acme").await;
    for _ in 0..3 {
        let error = begin_error(&db, "globex").await;
        assert!(matches!(error, StrategyError::NotProvisioned { .. }), "{error:?}");
    }
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
    for _ in 0..2 {
        strategy
            .dangerously_drop_database(member("acme").tenant())
            .await
            .unwrap();
        let error = begin_error(&db, "acme").await;
        assert!(matches!(error, StrategyError::NotProvisioned { .. }), "{error:?}");
    }
    provision_with_note(&db, "acme").await;
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
}

#[tokio::test]
async fn an_id_names_one_database_or_none() {
    let database = TestDatabase::new().await;
    let room = 63 - database.prefix().len();
    let (fits, too_long) = ("a".repeat(room), "a".repeat(room + 1));
    let (db, _) = open(options(&database));
    provision_with_note(&db, &fits).await;
    assert_eq!(notes_of(&db, &fits).await, [format!("of {fits}")]);
    let error = begin_error(&db, &too_long).await;
    assert!(matches!(error, StrategyError::SchemaName { .. }), "{error:?}");
    let (db, _) = open(options(&database).with_prefix(""));
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
    let (db, _) = open(options(&database).with_max_connections(1));
    provision_with_note(&db, "acme").await;
    for sql in [
        "commit; set default_transaction_read_only = on",
        "commit; set search_path = pg_catalog",
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
    let (db, _) = open(options(&database));
    provision_with_note(&db, "acme").await;
    let mut tx = db.begin_read(&member("acme")).await.unwrap();
    assert_eq!(
        code(sqlx::raw_sql("delete from notes").execute(&mut *tx).await),
        "25006"
    );
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_never_more_connections_than_may_be() {
    let database = TestDatabase::new().await;
    // One more is refused by the server: the bound of the strategy is seen to hold by nobody being refused.
    run(
        &mut database.connect().await,
        format!("alter role {} connection limit 3", database.application_role()),
    )
    .await;
    let (db, _) = open(
        options(&database)
            .with_max_connections(2)
            .with_acquire_timeout(Duration::from_secs(60)),
    );
    for id in TENANTS {
        provision_with_note(&db, id).await;
    }
    let work = (0..8).map(|worker| {
        let db = db.clone();
        tokio::spawn(async move {
            for turn in 0..25 {
                let id = TENANTS[(worker + turn * 3) % TENANTS.len()];
                assert_eq!(notes_of(&db, id).await, [format!("of {id}")]);
            }
        })
    });
    for worker in join_all(work).await {
        worker.unwrap();
    }
    assert!(connections(&database).await <= 3);
}

#[tokio::test]
async fn who_waits_too_long_is_refused() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_max_connections(1));
    for id in ["acme", "globex"] {
        provision_with_note(&db, id).await;
    }
    let (db, _) = open(
        options(&database)
            .with_max_connections(1)
            .with_acquire_timeout(Duration::from_millis(300)),
    );
    let held = db.begin(&member("acme")).await.unwrap();
    for id in ["acme", "globex"] {
        let error = begin_error(&db, id).await;
        assert!(matches!(error, StrategyError::TooManyInUse { max: 1 }), "{error:?}");
    }
    drop(held);
    assert_eq!(notes_of(&db, "globex").await, ["of globex"]);
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
            .with_max_connections(2)
            .with_max_connections_per_tenant(1),
    );
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

/// Two prefixes of one server stand for two servers: what differs is how they are reached.
#[tokio::test]
async fn a_tenant_is_on_the_server_that_its_record_names() {
    let database = TestDatabase::new().await;
    let role = format!("{}_elsewhere", database.application_role());
    let mut administrator = database.connect().await;
    run(
        &mut administrator,
        format!("create role {role} login password 'only for tests'"),
    )
    .await;
    let here = database.application();
    let there = here.clone().username(&role).password("only for tests");
    let server = PgServer::new(there, database.administrator());
    let asked = Arc::new(AtomicUsize::new(0));
    let servers = {
        let asked = Arc::clone(&asked);
        move |placement: PlacementName| {
            asked.fetch_add(1, Ordering::SeqCst);
            let found = (placement == "second").then(|| server.clone());
            async move { Ok(found) }
        }
    };
    let (db, strategy) = open(options(&database).with_servers(servers));
    let on = |id: &str, placement: Option<&str>| {
        let record = TenantRecord::new(id.parse().unwrap(), "database".parse().unwrap());
        placement.iter().fold(record, |record, placement| {
            record.with_placement(placement.parse().unwrap())
        })
    };
    let user = async |record: &TenantRecord| -> Result<String, TransactionError> {
        let mut tx = db.begin_read(&member_of(record)).await?;
        Ok(sqlx::query_scalar("select session_user::text")
            .fetch_one(&mut *tx)
            .await
            .unwrap())
    };
    let (first, second, unknown) = (
        on("acme", None),
        on("globex", Some("second")),
        on("acme", Some("third")),
    );
    for record in [&first, &second] {
        db.provision(record).await.unwrap();
    }
    // The application's role of the second server was given no right by the first one's name.
    run(
        &mut administrator,
        format!("grant connect on database \"{}globex\" to {role}", database.prefix()),
    )
    .await;
    assert_eq!(user(&first).await.unwrap(), database.application_role());
    for _ in 0..3 {
        assert_eq!(user(&second).await.unwrap(), role);
    }
    // Once to provision, and once for the connection.
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    for refused in [
        db.provision(&unknown).await.map_err(|error| format!("{error:?}")),
        user(&unknown).await.map(drop).map_err(|error| format!("{error:?}")),
        strategy
            .dangerously_drop_database(&unknown)
            .await
            .map_err(|error| format!("{error:?}")),
    ] {
        assert!(refused.unwrap_err().contains("UnknownPlacement"));
    }
    // The record decides, each time: moved, the tenant is no longer reached by the old way.
    let moved = on("globex", None);
    assert_eq!(user(&moved).await.unwrap(), database.application_role());
    db.close().await;
    let name = format!("{}globex", database.prefix());
    run(&mut administrator, format!("drop database \"{name}\" with (force)")).await;
    run(&mut administrator, format!("drop role {role}")).await;
}

#[tokio::test]
async fn a_killed_connection_is_replaced() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_max_connections(1));
    provision_with_note(&db, "acme").await;
    let mut administrator = database.connect().await;
    for _ in 0..3 {
        let sql = format!(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = '{}'",
            database.application_role()
        );
        run(&mut administrator, sql).await;
        assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
    }
}

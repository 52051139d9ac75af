//! A database for each tenant, as PostgreSQL itself answers for it: without a pooler between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::PlacementName;
use tenancy_sqlx::{PgServer, PoolSettings, StrategyError, TransactionError};

use crate::postgres::support::database_server::{
    TENANTS, begin_error, connections, member, member_of, notes_of, open, options, provision_with_note,
};
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::TestDatabase;

#[tokio::test]
async fn a_tenant_without_a_database_is_not_served() {
    let database = TestDatabase::new().await;
    let (db, strategy) = open(options(&database).with_pool(PoolSettings::new().with_max_connections(2))).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_never_more_connections_than_may_be() {
    let database = TestDatabase::new().await;
    // One more is refused by the server: the bound of the strategy is seen to hold by nobody being refused.
    run(
        &mut database.superuser().await,
        format!("alter role {} connection limit 3", database.application_role()),
    )
    .await;
    let (db, _) = open(
        options(&database).with_pool(
            PoolSettings::new()
                .with_max_connections(2)
                .with_acquire_timeout(Duration::from_secs(60)),
        ),
    )
    .await;
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

/// Two prefixes of one server stand for two servers: what differs is how they are reached.
#[tokio::test]
async fn a_tenant_is_on_the_server_that_its_record_names() {
    let database = TestDatabase::new().await;
    let role = format!("{}_elsewhere", database.application_role());
    // Makes a role.
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
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
    let (db, strategy) = open(options(&database).with_servers(servers)).await;
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
    // Each server's own application is let in there, and no other.
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
    let refused = user(&moved).await;
    let is_refused = matches!(
        &refused,
        Err(TransactionError::Begin {
            source: StrategyError::NotProvisioned { .. },
            ..
        })
    );
    assert!(is_refused || crate::BY_POOLER, "{refused:?}");
    db.provision(&moved).await.unwrap();
    assert_eq!(user(&moved).await.unwrap(), database.application_role());
    db.close().await;
    let name = format!("{}globex", database.prefix());
    run(&mut superuser, format!("drop database \"{name}\" with (force)")).await;
    run(&mut superuser, format!("drop role {role}")).await;
}

/// The limit that `docs/isolation.md` tells of: tenants' sessions are one role's, and PostgreSQL tells a role of its
/// own sessions, in whatever database.
#[tokio::test]
async fn what_others_run_is_told_to_the_same_role() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database)).await;
    for id in ["acme", "globex"] {
        provision_with_note(&db, id).await;
    }
    let mut acme = db.begin(&member("acme")).await.unwrap();
    run(&mut acme, "select 'a secret of acme'").await;
    let mut globex = db.begin(&member("globex")).await.unwrap();
    let sql =
        "select count(*) from pg_stat_activity where datname <> current_database() and query like '%secret of acme%'";
    let seen: i64 = sqlx::query_scalar(sql).fetch_one(&mut *globex).await.unwrap();
    assert_eq!(seen, 1);
}

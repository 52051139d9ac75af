//! Creation of tenants on PostgreSQL, by each strategy. What it shares with SQLite is tested there.

use sqlx::Postgres;
use tenancy_core::directory::{TenantEntry, TenantStatus};
use tenancy_core::names::Subject;
use tenancy_sqlx::{
    CreateError, CreationKey, NewTenant, PgDirectory, PgRowStrategy, PgTenantColumn, PgTenantTable, ProvisionError,
    StrategyError, TenantDb, UpsertError,
};

use crate::postgres::connection::cancel::poll_at_most;
use crate::postgres::support::every_strategy::every_strategy;
use crate::postgres::support::schema_server;
use crate::postgres::support::server::{TestDatabase, migrations};

/// Rows of tenants whose ids are uuids, schemas, and databases of which only the default server is known.
async fn open(database: &TestDatabase) -> TenantDb<Postgres> {
    let table = PgTenantTable::new("items")
        .unwrap()
        .with_tenant_column("tenant_id", PgTenantColumn::Uuid)
        .unwrap();
    let schema = database.schema().with_table(table);
    let items = "create table items (tenant_id uuid not null, id bigint not null, primary key (tenant_id, id))";
    let row = PgRowStrategy::builder(database.server(), schema).with_migrations(migrations(&[items]));
    every_strategy(database, row.open().await.unwrap()).await
}

async fn directory(database: &TestDatabase) -> PgDirectory {
    PgDirectory::open(database.administrator()).await.unwrap()
}

fn new(id: &str, strategy: &str) -> NewTenant {
    NewTenant::new(id.parse().unwrap(), strategy.parse().unwrap())
}

#[tokio::test]
async fn what_no_strategy_can_hold_is_refused_before_the_id_is_taken() {
    let database = TestDatabase::new().await;
    let (db, directory) = (open(&database).await, directory(&database).await);
    // With the prefix `tenant_`, a byte too long for a name; and with the test's for a database.
    let too_long = "a".repeat(57);
    let refusals = [
        new("not-a-uuid", "row"),
        new(
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"
                .to_lowercase()
                .replace('-', "")
                .as_str(),
            "row",
        ),
        new(&too_long, "schema"),
        new(&too_long, "database"),
        new("placed", "database").with_placement("eu-1".parse().unwrap()),
        new("unknown", "nobodys"),
    ];
    for refused in refusals {
        match directory.create(&db, &refused, &CreationKey::random()).await {
            Err(CreateError::Provision(
                ProvisionError::UnknownStrategy { .. }
                | ProvisionError::Strategy {
                    source:
                        StrategyError::NotCanonical { .. }
                        | StrategyError::SchemaName { .. }
                        | StrategyError::UnknownPlacement { .. },
                    ..
                },
            )) => {}
            other => panic!("{refused:?}: {other:?}"),
        }
        assert!(directory.list().await.unwrap().is_empty(), "{refused:?}");
    }
    // The ids are not burnt.
    for fine in [
        new("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "row"),
        new("unknown", "schema"),
        new("placed", "schema"),
        new(&too_long, "schema").with_slug("short".parse().unwrap()),
    ] {
        let created = directory.create(&db, &fine, &CreationKey::random()).await;
        assert_eq!(created.is_ok(), !format!("{fine:?}").contains(&too_long), "{created:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_create_a_tenant_once() {
    let database = TestDatabase::new().await;
    let db = open(&database).await;
    let processes = [directory(&database).await, directory(&database).await];
    for (round, strategy) in ["schema", "schema", "database"].into_iter().enumerate() {
        let id = format!("t{round}");
        let mut at_once = Vec::new();
        for process in &processes {
            for key in ["a", "b"] {
                let (process, db) = (process.clone(), db.clone());
                let tenant = new(&id, strategy).with_name(key).with_member(key.parse().unwrap());
                let creating = async move { (key, process.create(&db, &tenant, &key.parse().unwrap()).await) };
                at_once.push(tokio::spawn(creating));
            }
        }
        let mut winners = Vec::new();
        for one in at_once {
            match one.await.unwrap() {
                (key, Ok(entry)) => winners.push((key, entry)),
                (_, Err(CreateError::AlreadyExists { id: refused })) => assert_eq!(refused.as_str(), id),
                (_, Err(other)) => panic!("{other:?}"),
            }
        }
        let [(winner, one), (same, other)] = &winners[..] else {
            panic!("{winners:?}")
        };
        assert_eq!((winner, one), (same, other));
        assert_eq!((one.name(), one.record().status), (*winner, TenantStatus::Active));
        let loser: Subject = if *winner == "a" { "b" } else { "a" }.parse().unwrap();
        assert!(!processes[0].is_member(&one.record().id, &loser, None).await.unwrap());
    }
}

/// A crash at every point where it waits: the same key goes on, and any other is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creation_that_is_dropped_anywhere_goes_on() {
    let database = TestDatabase::new().await;
    let (db, directory) = (open(&database).await, directory(&database).await);
    let mut cancelled = 0;
    for polls in 0..40 {
        let id = format!("t{polls}");
        let (key, other) = (CreationKey::random(), CreationKey::random());
        let alices = new(&id, "schema").with_member("alice".parse().unwrap());
        let mallorys = new(&id, "schema").with_member("mallory".parse().unwrap());
        let dropped = poll_at_most(polls, directory.create(&db, &alices, &key)).await;
        cancelled += u32::from(dropped.is_none());
        // What was not written may be anybody's; what was written is the key's.
        let is_there = directory.find_by_id(&id.parse().unwrap()).await.unwrap().is_some();
        if is_there {
            let refused = directory.create(&db, &mallorys, &other).await;
            assert!(matches!(refused, Err(CreateError::AlreadyExists { .. })), "{refused:?}");
        }
        let entry = directory.create(&db, &alices, &key).await.unwrap();
        assert_eq!(entry.record().status, TenantStatus::Active);
        let subjects = ["alice", "mallory"].map(|subject| subject.parse::<Subject>().unwrap());
        assert!(
            directory
                .is_member(&entry.record().id, &subjects[0], None)
                .await
                .unwrap()
        );
        assert!(
            !directory
                .is_member(&entry.record().id, &subjects[1], None)
                .await
                .unwrap()
        );
        assert!(
            schema_server::schemas(&database)
                .await
                .contains(&format!("tenant_{id}"))
        );
    }
    assert!(cancelled > 5, "{cancelled} cancelled");
}

/// The column by which a creation is known is added to a directory of the version before.
#[tokio::test]
async fn tenants_from_before_there_were_keys_exist() {
    let database = TestDatabase::new().await;
    let (db, before) = (open(&database).await, directory(&database).await);
    before.upsert(&new("acme", "schema")).await.unwrap();
    let mut administrator = database.connect().await;
    let step_back = "alter table tenancy_tenants drop column creation_key, drop column creation_status;
        delete from _tenancy_migrations where version = 5";
    sqlx::raw_sql(step_back).execute(&mut administrator).await.unwrap();
    let directory = directory(&database).await;
    let created = directory
        .create(&db, &new("acme", "schema"), &CreationKey::random())
        .await;
    assert!(matches!(created, Err(CreateError::AlreadyExists { .. })), "{created:?}");
    let taken = new("other", "schema").with_slug("acme".parse().unwrap());
    let taken = directory.create(&db, &taken, &CreationKey::random()).await;
    assert!(
        matches!(taken, Err(CreateError::Upsert(UpsertError::Conflict { .. }))),
        "{taken:?}"
    );
}

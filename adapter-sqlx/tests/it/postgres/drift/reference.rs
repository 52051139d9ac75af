//! With what tenants are compared: the most of them, one of them, or with as many others as there are.

use tenancy_sqlx::drift::{DriftOptions, DriftReference};
use tenancy_sqlx::{PgSchemaStrategy, PgServer, StrategyError};

use super::support::{drift, in_schema, of_tenant, only_version, provision, record};
use crate::postgres::support::schema_server::{self, NOTES};
use crate::postgres::support::server::{TestDatabase, migrations};
use crate::postgres::support::wire::Wire;

const INDEX: &str = "create index notes_body_idx on notes (body)";

async fn open(database: &TestDatabase, sql: &[&'static str]) -> tenancy_sqlx::TenantDb<sqlx::Postgres> {
    let options = schema_server::options(database).with_migrations(migrations(sql));
    schema_server::open(options).await.0
}

fn with(id: &str) -> DriftOptions {
    DriftOptions::new().with_reference(DriftReference::Tenant(id.parse().unwrap()))
}

#[tokio::test]
async fn the_most_are_right_and_the_words_count_all_who_differ() {
    let database = TestDatabase::new().await;
    let db = open(&database, &[NOTES, INDEX]).await;
    let tenants = provision(&db, "schema", &["a", "b", "c", "d", "e", "f"]).await;
    for id in ["a", "e"] {
        in_schema(&database, id, "drop index notes_body_idx").await;
    }
    // The same in a group of its own.
    in_schema(
        &database,
        "f",
        "drop index notes_body_idx; alter table notes alter column body type varchar",
    )
    .await;
    let report = drift(&db, &tenants, &DriftOptions::new()).await;
    assert_eq!(
        report.to_string(),
        "schema, version 2: 3 as expected; 3 lack index `notes_body_idx`; 1 has another type of column `notes.body`"
    );
    let version = only_version(&report);
    assert_eq!(version.reference.as_ref().map(|id| id.as_str()), Some("b"));
    assert_eq!(version.tie, None);
}

#[tokio::test]
async fn a_reference_is_right_whatever_the_most_have() {
    let database = TestDatabase::new().await;
    let db = open(&database, &[NOTES, INDEX]).await;
    let mut tenants = provision(&db, "schema", &["a", "b", "c"]).await;
    for id in ["a", "b"] {
        in_schema(&database, id, "drop index notes_body_idx").await;
    }
    let report = drift(&db, &tenants, &with("c")).await;
    assert_eq!(
        report.to_string(),
        "schema, version 2: 1 as expected; 2 lack index `notes_body_idx`"
    );
    let report = drift(&db, &tenants, &with("a")).await;
    assert_eq!(
        report.to_string(),
        "schema, version 2: 2 as expected; 1 has additional index `notes_body_idx`"
    );

    // One of another version is not compared, and one that is not there is an error.
    let older = open(&database, &[NOTES]).await;
    tenants.extend(provision(&older, "schema", &["old"]).await);
    let report = drift(&db, &tenants, &with("c")).await;
    assert_eq!(
        report.to_string(),
        "schema, version 1: 1 not compared: the reference has another version\n\
        schema, version 2: 1 as expected; 2 lack index `notes_body_idx`"
    );
    tenants.push(record("nobody", "schema"));
    let refused = db.drift(&tenants, &with("nobody")).await;
    assert!(
        matches!(refused, Err(StrategyError::NotProvisioned { .. })),
        "{refused:?}"
    );
    let refused = db.drift(&tenants, &with("stranger")).await.unwrap_err();
    assert!(
        refused.to_string().contains("`stranger` is not one of the tenants"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_tie_is_named() {
    let database = TestDatabase::new().await;
    let db = open(&database, &[NOTES, INDEX]).await;
    let tenants = provision(&db, "schema", &["a", "b", "c", "d", "e"]).await;
    for id in ["b", "d"] {
        in_schema(&database, id, "drop index notes_body_idx").await;
    }
    in_schema(&database, "e", "create table more (id int)").await;
    let report = drift(&db, &tenants, &DriftOptions::new()).await;
    assert_eq!(
        report.to_string(),
        "schema, version 2: 2 as expected; no majority: 2 as `a`, and 2 others alike; 2 lack index `notes_body_idx`; \
        1 has additional table `more`"
    );
    assert_eq!(only_version(&report).tie, Some(2));
}

#[tokio::test]
async fn versions_are_compared_each_with_its_own() {
    let database = TestDatabase::new().await;
    let older = open(&database, &[NOTES]).await;
    let mut tenants = provision(&older, "schema", &["a", "b"]).await;
    let newer = open(&database, &[NOTES, INDEX]).await;
    tenants.extend(provision(&newer, "schema", &["c", "d"]).await);
    let report = drift(&newer, &tenants, &DriftOptions::new()).await;
    assert_eq!(
        report.to_string(),
        "schema, version 1: 2 as expected\nschema, version 2: 2 as expected"
    );
    assert!(report.is_clean());
    // What a record says is not what is compared by.
    let mut administrator = database.connect().await;
    schema_server::run(
        &mut administrator,
        "update tenancy_versions.tenancy_versions set version = 99",
    )
    .await;
    let report = drift(&newer, &tenants, &DriftOptions::new()).await;
    assert!(report.is_clean());
}

#[tokio::test]
async fn the_number_of_queries_does_not_depend_on_the_number_of_schemas() {
    let database = TestDatabase::new().await;
    // A pooler is the application's, and the administrator's connections are counted.
    let wire = Wire::to(&database.administrator());
    let server = PgServer::new(database.application(), wire.of(database.administrator()));
    let strategy = PgSchemaStrategy::builder(server).with_migrations(migrations(&[NOTES, INDEX]));
    let (db, _) = schema_server::open(strategy).await;
    let mut tenants = provision(&db, "schema", &["t0"]).await;
    let mut administrator = database.connect().await;
    let mut counted = Vec::new();
    for count in [2, 200] {
        while tenants.len() < count {
            let id = format!("t{}", tenants.len());
            // What provisioning does beside is of no matter here, and slow.
            let sql = format!(
                "create schema \"tenant_{id}\"; set search_path = \"tenant_{id}\"; {NOTES}; {INDEX};
                create table _sqlx_migrations (like tenant_t0._sqlx_migrations including all);
                insert into _sqlx_migrations select * from tenant_t0._sqlx_migrations"
            );
            schema_server::run(&mut administrator, sql).await;
            tenants.push(record(&id, "schema"));
        }
        let before = wire.flights();
        let report = drift(&db, &tenants, &with("t1")).await;
        counted.push(wire.flights() - before);
        let version = only_version(&report);
        assert_eq!((version.tenants, version.as_expected), (count, count - 1));
        assert!(!of_tenant(version, "t0").is_empty());
    }
    // A result that comes in several pieces may be counted twice.
    assert!(counted[1] <= counted[0] + 5, "{counted:?}");
    assert!(counted[1] <= 120, "{counted:?}");
}

//! The drift of tenants' databases.

use tenancy_sqlx::drift::DriftOptions;

use super::support::{NOISE, RICH, drift, in_database, of_tenant, only_version, provision, words};
use crate::postgres::support::database_server;
use crate::postgres::support::server::{TestDatabase, migrations};

/// What is done in a tenant's database, and what is found.
const CLASSES: &[(&str, &[&str])] = &[
    ("drop index notes_body_idx", &["no: index notes_body_idx"]),
    (
        "alter table authors alter column name type varchar(10)",
        &["type: column authors.name"],
    ),
    (
        "alter table notes disable trigger stamp",
        &["state: trigger notes.stamp"],
    ),
    (
        "alter policy visible on notes using (true)",
        &["condition: policy notes.visible"],
    ),
    (
        "alter function stamp() security definer",
        &["security: function stamp()"],
    ),
    ("revoke insert on notes from APP", &["rights: table notes"]),
    ("create extension citext", &["additional: extension citext"]),
    (
        "create schema other; create table other.more (id int)",
        &["additional: schema other", "additional: table other.more"],
    ),
    (
        "create publication changes for table notes",
        &["additional: publication changes", "publications: table notes"],
    ),
    (
        "do $$ begin execute format('alter database %I set work_mem = ''8MB''', current_database()); end $$",
        &["settings: database @"],
    ),
    (
        "do $$ begin execute format('grant connect on database %I to public', current_database()); end $$",
        &["rights: database @"],
    ),
    (
        "do $$ begin execute format('alter database %I connection limit 5', current_database()); end $$",
        &["connection limit: database @"],
    ),
    ("grant create on schema public to APP", &["rights: schema @"]),
];

#[tokio::test]
async fn each_class_is_found_and_nothing_else() {
    let database = TestDatabase::new().await;
    let options = database_server::options(&database).with_migrations(migrations(&RICH));
    let db = database_server::open(options).await.0;
    let mut tenants = provision(&db, "database", &["a-one", "a-two"]).await;
    in_database(&database, "a-two", NOISE).await;
    for (number, (sql, _)) in CLASSES.iter().enumerate() {
        let id = format!("c{number}");
        tenants.extend(provision(&db, "database", &[&id]).await);
        in_database(&database, &id, sql).await;
    }
    let report = drift(&db, &tenants, &DriftOptions::new()).await;
    let version = only_version(&report);
    assert_eq!(version.as_expected, 2, "{report}");
    for (number, (sql, expected)) in CLASSES.iter().enumerate() {
        assert_eq!(of_tenant(version, &format!("c{number}")), words(expected), "{sql}");
    }
}

/// A fenced database and one that is not differ in what is this library's alone.
#[tokio::test]
async fn the_fence_is_no_drift() {
    let database = TestDatabase::new().await;
    let options = || database_server::options(&database).with_migrations(migrations(&RICH));
    let db = database_server::open(options()).await.0;
    let mut tenants = provision(&db, "database", &["acme"]).await;
    let fenced = database_server::open(options().with_fence()).await.0;
    tenants.extend(provision(&fenced, "database", &["globex"]).await);
    let report = drift(&db, &tenants, &DriftOptions::new()).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(only_version(&report).tenants, 2);
}

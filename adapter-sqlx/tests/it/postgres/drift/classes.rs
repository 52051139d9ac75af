//! Each class of drift, planted and found, and nothing else.

use tenancy_sqlx::drift::DriftOptions;

use super::class_cases::CLASSES;
use super::support::{NOISE, RICH, drift, in_schema, of_tenant, only_version, provision, record, words};
use crate::postgres::support::schema_server;
use crate::postgres::support::server::{TestDatabase, migrations};

async fn schemas(database: &TestDatabase) -> tenancy_sqlx::TenantDb<sqlx::Postgres> {
    let options = schema_server::options(database).with_migrations(migrations(&RICH));
    schema_server::open(options).await.0
}

#[tokio::test]
async fn each_class_is_found_and_nothing_else() {
    let database = TestDatabase::new().await;
    let db = schemas(&database).await;
    let mut tenants = provision(&db, "schema", &["a-one", "a-two", "a-three"]).await;
    for (number, (sql, _)) in CLASSES.iter().enumerate() {
        let id = format!("c{number}");
        tenants.extend(provision(&db, "schema", &[&id]).await);
        in_schema(&database, &id, sql).await;
    }
    let report = drift(&db, &tenants, &DriftOptions::new()).await;
    let version = only_version(&report);
    assert_eq!(version.as_expected, 3, "{report}");
    for (number, (sql, expected)) in CLASSES.iter().enumerate() {
        assert_eq!(of_tenant(version, &format!("c{number}")), words(expected), "{sql}");
    }
    for id in ["a-one", "a-two", "a-three"] {
        assert_eq!(of_tenant(version, id), words(&[]), "{id}");
    }
    assert!(!report.is_clean());
}

/// What only a superuser may do, or leave half-done.
#[tokio::test]
async fn an_index_that_is_not_valid_and_a_key_that_is_not_enforced_are_found() {
    let database = TestDatabase::new().await;
    let db = schemas(&database).await;
    let tenants = provision(&db, "schema", &["a", "b", "c", "index", "key", "owner"]).await;
    // No owner may write the catalog, or disable the triggers of the system, or give a table away.
    let mut superuser = database.superuser().await;
    for sql in [
        "update pg_index set indisvalid = false where indexrelid = 'tenant_index.notes_body_idx'::regclass",
        "alter table tenant_key.notes disable trigger all",
        "alter table tenant_owner.scratch owner to postgres",
    ] {
        sqlx::raw_sql(sql).execute(&mut superuser).await.unwrap();
    }
    let report = drift(&db, &tenants, &DriftOptions::new()).await;
    let version = only_version(&report);
    assert_eq!(of_tenant(version, "index"), words(&["state: index notes_body_idx"]));
    let key = [
        "state: constraint notes.notes_author_fkey",
        "state: trigger notes.stamp",
    ];
    assert_eq!(of_tenant(version, "key"), words(&key));
    assert_eq!(
        of_tenant(version, "owner"),
        words(&["owner: table scratch", "rights: table scratch"])
    );
    let text = report.to_string();
    for words in [
        "3 as expected",
        "1 has index `notes_body_idx` that is not valid",
        "1 has constraint `notes.notes_author_fkey` that is not enforced",
        "1 has trigger `notes.stamp` that is disabled",
    ] {
        assert!(text.contains(words), "{text}");
    }
}

/// Also where a schema is called as a table, a column, a function's word and a type are.
#[tokio::test]
async fn nothing_is_found_where_nothing_has_drifted() {
    let database = TestDatabase::new().await;
    let options = schema_server::options(&database)
        .with_prefix("")
        .with_migrations(migrations(&RICH));
    let db = schema_server::open(options).await.0;
    let ids = ["acme", "globex", "notes", "body", "mood", "begin", "select"];
    let tenants = provision(&db, "schema", &ids).await;
    for id in ["globex", "notes"] {
        let sql = database.named(NOISE);
        let mut connection = database.connect().await;
        schema_server::run(&mut connection, format!("set search_path = \"{id}\"; {sql}")).await;
    }
    let report = drift(&db, &tenants, &DriftOptions::new()).await;
    let version = only_version(&report);
    assert_eq!(version.differences, [], "{report}");
    assert_eq!((version.tenants, version.as_expected), (7, 7), "{report}");
    assert_eq!(version.version, Some(2));
    assert!(report.is_clean(), "{report}");
    let home = version
        .not_compared
        .iter()
        .find(|left_out| left_out.function == "home()");
    assert_eq!(
        home.map(|left_out| left_out.tenants),
        Some(7),
        "{:?}",
        version.not_compared
    );
}

#[tokio::test]
async fn a_tenant_without_a_schema_is_named_and_is_no_drift() {
    let database = TestDatabase::new().await;
    let db = schemas(&database).await;
    let mut tenants = provision(&db, "schema", &["acme", "globex"]).await;
    tenants.push(record("initech", "schema"));
    let report = drift(&db, &tenants, &DriftOptions::new()).await;
    assert!(report.is_clean());
    let missing: Vec<&str> = report.strategies[0]
        .not_provisioned
        .iter()
        .map(|id| id.as_str())
        .collect();
    assert_eq!(missing, ["initech"]);
    assert_eq!(
        report.to_string(),
        "schema, version 2: 2 as expected; \
        the body of the function `home()` not compared in 2, since it contains the name of its schema or database\n\
        schema: 1 not provisioned"
    );
}

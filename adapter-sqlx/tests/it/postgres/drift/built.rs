//! What tenants have, compared with what the migrations make anew.

use sqlx::{AssertSqlSafe, Connection};
use tenancy_sqlx::drift::{DriftOptions, DriftReference};

use super::support::{RICH, drift, in_database, in_schema, only_version, provision};
use crate::postgres::support::server::{TestDatabase, migrations};
use crate::postgres::support::{database_server, schema_server};

fn built() -> DriftOptions {
    DriftOptions::new().with_reference(DriftReference::Build)
}

/// The databases that comparisons have made, of this test alone.
async fn made(database: &TestDatabase) -> Vec<String> {
    let sql = "select datname::text from pg_database where datname like 'tenancy\\_drift\\_%'
        and pg_get_userbyid(datdba) = current_user order by 1";
    let mut administrator = database.connect().await;
    sqlx::query_scalar(sql).fetch_all(&mut administrator).await.unwrap()
}

#[tokio::test]
async fn what_the_migrations_make_is_right_whatever_the_most_have() {
    let database = TestDatabase::new().await;
    let options = schema_server::options(&database).with_migrations(migrations(&RICH[..1]));
    let older = schema_server::open(options).await.0;
    let mut tenants = provision(&older, "schema", &["old-a", "old-b"]).await;
    let options = schema_server::options(&database).with_migrations(migrations(&RICH));
    let db = schema_server::open(options).await.0;
    tenants.extend(provision(&db, "schema", &["a", "b", "c"]).await);
    for id in ["a", "b", "old-b"] {
        in_schema(&database, id, "drop index notes_body_idx").await;
    }
    let report = drift(&db, &tenants, &built()).await;
    let text = report.to_string();
    for words in [
        "version 1: 1 as expected; 1 lacks index `notes_body_idx`",
        "version 2: 1 as expected; 2 lack index `notes_body_idx`",
    ] {
        assert!(text.contains(words), "{text}");
    }
    assert_eq!(report.strategies[0].versions[1].differences.len(), 1, "{text}");
    assert_eq!(report.strategies[0].versions[1].reference, None);
    assert_eq!(made(&database).await, [""; 0]);
}

#[tokio::test]
async fn a_database_that_is_made_for_a_tenant_is_as_the_one_that_is_made_to_compare() {
    let database = TestDatabase::new().await;
    let options = database_server::options(&database).with_migrations(migrations(&RICH));
    let db = database_server::open(options).await.0;
    let tenants = provision(&db, "database", &["acme", "globex"]).await;
    let report = drift(&db, &tenants, &built()).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(only_version(&report).as_expected, 2);
    in_database(&database, "acme", "alter table authors alter column name type varchar").await;
    let report = drift(&db, &tenants, &built()).await;
    let found: Vec<String> = only_version(&report)
        .differences
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        found.contains(&"1 has another type of column `authors.name`".to_owned()),
        "{found:?}"
    );
    assert_eq!(made(&database).await, [""; 0]);
}

#[tokio::test]
async fn it_is_dropped_after_an_error_and_what_a_crash_left_is_named() {
    let database = TestDatabase::new().await;
    let options = schema_server::options(&database).with_migrations(migrations(&[schema_server::NOTES]));
    let db = schema_server::open(options).await.0;
    let tenants = provision(&db, "schema", &["acme"]).await;
    // Of the same version, and not as it was: it fails where there is nothing.
    let broken = "alter table nowhere add column x int";
    let options = schema_server::options(&database).with_migrations(migrations(&[broken]));
    let failing = schema_server::open(options).await.0;
    let refused = failing.drift(&tenants, &built()).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(made(&database).await, [""; 0]);

    let left = format!("tenancy_drift_{:032x}", std::process::id());
    let mut administrator = database.connect().await;
    let sql = format!("create database {left} template template0");
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut administrator)
        .await
        .unwrap();
    let report = drift(&db, &tenants, &built()).await;
    assert_eq!(report.strategies[0].leftovers, [left.as_str()]);
    assert!(!report.is_clean());
    let words = format!("the database `{left}` is left over from a run that ended early: drop it");
    assert!(report.to_string().contains(&words), "{report}");

    // One that another run uses is none.
    let lock = format!("select pg_advisory_lock(hashtextextended('{left}', 0))");
    sqlx::raw_sql(AssertSqlSafe(lock))
        .execute(&mut administrator)
        .await
        .unwrap();
    let report = drift(&db, &tenants, &built()).await;
    assert!(report.is_clean(), "{report}");
    let sql = format!("drop database {left}");
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut administrator)
        .await
        .unwrap();
    administrator.close().await.unwrap();
}

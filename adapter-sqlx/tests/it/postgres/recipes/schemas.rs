//! Types and extensions that schemas share, and an index beside writers.

use tenancy_sqlx::StrategyError;

use super::page::{named, recipe};
use crate::postgres::support::schema_server::{
    NOTES, member, open, options, provision_error, provision_with_note, run, versions,
};
use crate::postgres::support::server::{TestDatabase, migrations};

#[tokio::test]
async fn types_and_extensions_are_shared() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, named(&database, recipe("shared-types"))).await;
    let people = "create table people (email email not null, colour colour not null default 'red')";
    let sharing = || options(&database).with_extension_schema("extensions").unwrap();
    let (db, _) = open(sharing().with_migrations(migrations(&[NOTES, people]))).await;
    for id in ["acme", "globex"] {
        provision_with_note(&db, id).await;
        let mut tx = db.begin(&member(id)).await.unwrap();
        run(&mut tx, "insert into people (email) values ('Alice@example.com')").await;
        let sql = "select count(*) from people where email = 'alice@EXAMPLE.com'";
        let found: i64 = sqlx::query_scalar(sql).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(found, 1);
        tx.commit().await.unwrap();
    }
    run(&mut administrator, "alter type extensions.colour add value 'blue'").await;
    for id in ["acme", "globex"] {
        let mut tx = db.begin(&member(id)).await.unwrap();
        run(&mut tx, "update people set colour = 'blue'").await;
        tx.commit().await.unwrap();
    }
    // Why they are shared: a database has an extension once.
    let own = "create extension hstore";
    let (db, _) = open(sharing().with_migrations(migrations(&[NOTES, people, own]))).await;
    let error = provision_error(&db, "initech").await;
    assert!(matches!(error, StrategyError::ChangedOutside { .. }), "{error:?}");
}

#[tokio::test]
async fn an_index_is_built_beside_writers() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_migrations(migrations(&[NOTES, recipe("concurrent-index")]))).await;
    for _ in 0..2 {
        provision_once(&db).await;
    }
    assert_eq!(versions(&database, "acme").await, [1, 2]);
    let sql = "select indisvalid from pg_index where indexrelid = 'tenant_acme.notes_name'::regclass";
    let is_valid: bool = sqlx::query_scalar(sql)
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert!(is_valid);
}

async fn provision_once(db: &tenancy_sqlx::TenantDb<sqlx::Postgres>) {
    db.provision(member("acme").tenant()).await.unwrap();
}

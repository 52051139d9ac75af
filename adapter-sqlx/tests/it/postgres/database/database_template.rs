//! Databases that are copies of one that has run the migrations.

use sqlx::ConnectOptions;
use tenancy_sqlx::{IsolationStrategy, PgDatabaseBuilder, TenantDb};

use crate::postgres::support::database_server::{
    databases, member, notes_of, open, options, provision_error, provision_with_note,
};
use crate::postgres::support::schema_server::{NOTES, run};
use crate::postgres::support::server::{TestDatabase, migrations};

/// When it runs, it leaves a row that no other run leaves.
const MARK: &str = "create table marks as select gen_random_uuid()::text as mark";
const MORE: &str = "create table more (id text)";

fn copied(database: &TestDatabase, sql: &[&'static str]) -> PgDatabaseBuilder {
    options(database)
        .with_migrations(migrations(sql))
        .with_migrated_template()
}

/// The template of this prefix.
async fn template(database: &TestDatabase) -> String {
    let sql = "select 'tenancy_template_' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 40)";
    let query = sqlx::query_scalar(sql).bind(database.prefix());
    query.fetch_one(&mut database.connect().await).await.unwrap()
}

async fn exists(database: &TestDatabase, name: &str) -> bool {
    let sql = "select exists (select from pg_database where datname = $1)";
    let query = sqlx::query_scalar(sql).bind(name);
    query.fetch_one(&mut database.connect().await).await.unwrap()
}

/// The test's database removes tenants' databases by their prefix, which the template has not.
async fn remove_template(database: &TestDatabase) {
    let sql = format!("drop database if exists \"{}\" with (force)", template(database).await);
    run(&mut database.connect().await, sql).await;
}

async fn mark_of(db: &TenantDb<sqlx::Postgres>, id: &str) -> String {
    let mut tx = db.begin_read(&member(id)).await.unwrap();
    sqlx::query_scalar("select mark from marks")
        .fetch_one(&mut *tx)
        .await
        .unwrap()
}

#[tokio::test]
async fn migrations_run_once_for_all() {
    let database = TestDatabase::new().await;
    let (db, _) = open(copied(&database, &[NOTES, MARK])).await;
    for id in ["acme", "globex"] {
        provision_with_note(&db, id).await;
        assert_eq!(notes_of(&db, id).await, [format!("of {id}")]);
    }
    let mark = mark_of(&db, "acme").await;
    assert_eq!(mark_of(&db, "globex").await, mark);
    // The next migration runs in the template first, and in those that are there already.
    let (db, _) = open(copied(&database, &[NOTES, MARK, MORE])).await;
    for id in ["initech", "acme"] {
        db.provision(member(id).tenant()).await.unwrap();
        assert_eq!(mark_of(&db, id).await, mark);
        let mut tx = db.begin_read(&member(id)).await.unwrap();
        sqlx::query("select id from more").fetch_all(&mut *tx).await.unwrap();
    }
    assert_eq!(databases(&database).await, ["acme", "globex", "initech"]);
    // The application neither connects to the template, nor finds another tenant's rows in its own.
    let name = template(&database).await;
    assert!(database.application().database(&name).connect().await.is_err());
    assert_eq!(notes_of(&db, "initech").await, [""; 0]);
    remove_template(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_are_copies_of_one() {
    let database = TestDatabase::new().await;
    let (one, other) = (
        open(copied(&database, &[NOTES, MARK])).await.0,
        open(copied(&database, &[NOTES, MARK])).await.0,
    );
    let ids = ["acme", "globex", "initech", "umbrella"];
    let tenants = ids.map(member);
    let provisioning = tenants.iter().zip([&one, &other, &one, &other]);
    let done = futures_util::future::join_all(provisioning.map(|(tenant, db)| db.provision(tenant.tenant()))).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    let mark = mark_of(&one, ids[0]).await;
    for id in ids {
        assert_eq!(mark_of(&one, id).await, mark);
    }
    remove_template(&database).await;
}

/// What stands after each step, if the process ends there; and a database that is somebody else's.
#[tokio::test]
async fn what_a_crash_left_of_the_template_is_made_whole() {
    let database = TestDatabase::new().await;
    let name = template(&database).await;
    let mut administrator = database.connect().await;
    let (db, strategy) = open(copied(&database, &[NOTES, MARK])).await;
    let begun = [
        format!("create database \"{name}\" template template0"),
        format!(
            "comment on database \"{name}\" is 'template of tenants {}'; revoke all on database \"{name}\" from public",
            database.prefix()
        ),
    ];
    for (steps, id) in (1..).zip(["acme", "globex"]) {
        for step in begun.iter().take(steps) {
            run(&mut administrator, step.clone()).await;
        }
        provision_with_note(&db, id).await;
        remove_template(&database).await;
    }
    run(&mut administrator, begun[0].clone()).await;
    run(&mut administrator, format!("comment on database \"{name}\" is 'mine'")).await;
    let refused = provision_error(&db, "initech").await.to_string();
    assert!(
        refused.contains(&name) && refused.contains("template of tenants"),
        "{refused}"
    );
    assert!(exists(&database, &name).await);
    remove_template(&database).await;
    strategy.close().await;
}

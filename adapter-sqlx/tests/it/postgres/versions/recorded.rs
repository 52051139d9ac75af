//! Where a tenant's version is recorded, and who may read it.

use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use tenancy_core::directory::TenantRecord;
use tenancy_sqlx::PgDatabaseStrategy;

use crate::postgres::support::database_server;
use crate::postgres::support::schema_server::{self, NOTES};
use crate::postgres::support::server::{TestDatabase, code, migrations};

const MORE: &str = "alter table notes add column more int";
const ALONE: &str = "-- no-transaction\ncreate index concurrently notes_body_idx on notes (body)";

async fn recorded(connection: &mut PgConnection) -> Vec<(String, i64)> {
    let sql = "select tenant, version from tenancy_versions.tenancy_versions order by 1";
    sqlx::query_as(sql).fetch_all(connection).await.unwrap()
}

async fn placed(connection: &mut PgConnection) -> Vec<(String, Option<i64>)> {
    let sql = "select tenant, version from tenancy_fence.tenancy_places order by 1";
    sqlx::query_as(sql).fetch_all(connection).await.unwrap()
}

fn of(rows: &[(&str, i64)]) -> Vec<(String, i64)> {
    rows.iter().map(|(id, version)| ((*id).to_owned(), *version)).collect()
}

#[tokio::test]
async fn provisioning_records_what_has_run() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    let (db, _) = schema_server::open(schema_server::options(&database)).await;
    schema_server::provision_with_note(&db, "acme").await;
    assert_eq!(recorded(&mut administrator).await, of(&[("acme", 1)]));
    // One in a transaction, and one that runs in none.
    let options = schema_server::options(&database).with_migrations(migrations(&[NOTES, MORE, ALONE]));
    let (newer, _) = schema_server::open(options).await;
    newer.provision(schema_server::member("globex").tenant()).await.unwrap();
    assert_eq!(recorded(&mut administrator).await, of(&[("acme", 1), ("globex", 3)]));
    newer.provision(schema_server::member("acme").tenant()).await.unwrap();
    assert_eq!(recorded(&mut administrator).await, of(&[("acme", 3), ("globex", 3)]));
    // What was provisioned before there were records, and has nothing to run.
    schema_server::run(&mut administrator, "delete from tenancy_versions.tenancy_versions").await;
    newer.provision(schema_server::member("acme").tenant()).await.unwrap();
    assert_eq!(recorded(&mut administrator).await, of(&[("acme", 3)]));
}

/// The version stays where the last migration that has run has left it.
#[tokio::test]
async fn a_migration_that_fails_records_nothing() {
    let database = TestDatabase::new().await;
    let broken = "alter table nowhere add column x int";
    let options = schema_server::options(&database).with_migrations(migrations(&[NOTES, MORE, broken]));
    let (db, _) = schema_server::open(options).await;
    db.provision(schema_server::member("acme").tenant()).await.unwrap_err();
    assert_eq!(recorded(&mut database.connect().await).await, of(&[("acme", 2)]));
}

/// A schema that is made anew begins anew.
#[tokio::test]
async fn a_removed_schema_has_no_version() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    let options = schema_server::options(&database).with_migrations(migrations(&[NOTES, MORE]));
    let (db, strategy) = schema_server::open(options).await;
    for id in ["acme", "globex"] {
        db.provision(schema_server::member(id).tenant()).await.unwrap();
    }
    strategy
        .dangerously_drop_schema(&"acme".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(recorded(&mut administrator).await, of(&[("globex", 2)]));
    // Dropped by hand, and made by a release that knows one migration.
    schema_server::run(&mut administrator, "drop schema tenant_globex cascade").await;
    let (older, _) = schema_server::open(schema_server::options(&database)).await;
    older.provision(schema_server::member("globex").tenant()).await.unwrap();
    assert_eq!(recorded(&mut administrator).await, of(&[("globex", 1)]));
}

#[tokio::test]
async fn the_application_has_no_right_on_the_record() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    // What would open it.
    let grant = database.named("alter default privileges grant all on tables to APP, public");
    schema_server::run(&mut administrator, grant).await;
    let (db, _) = schema_server::open(schema_server::options(&database)).await;
    schema_server::provision_with_note(&db, "acme").await;
    let mut application = database.application().connect().await.unwrap();
    for sql in [
        "select * from tenancy_versions.tenancy_versions",
        "insert into tenancy_versions.tenancy_versions values ('globex', 9)",
        "update tenancy_versions.tenancy_versions set version = 9",
        "delete from tenancy_versions.tenancy_versions",
        "create table tenancy_versions.other (id int)",
    ] {
        assert_eq!(
            code(sqlx::raw_sql(sql).execute(&mut application).await),
            "42501",
            "{sql}"
        );
    }
}

/// A fenced database has it in the places, and takes what was recorded before.
#[tokio::test]
async fn the_fence_takes_versions_to_the_places() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    let options = || schema_server::options(&database).with_migrations(migrations(&[NOTES, MORE]));
    let (db, _) = schema_server::open(options()).await;
    db.provision(schema_server::member("acme").tenant()).await.unwrap();
    for _ in 0..2 {
        options().enable_fence().await.unwrap();
        assert_eq!(placed(&mut administrator).await, [("acme".to_owned(), Some(2))]);
    }
    let (fenced, _) = schema_server::open(options().with_fence()).await;
    fenced
        .provision(schema_server::member("globex").tenant())
        .await
        .unwrap();
    let expected = [("acme".to_owned(), Some(2)), ("globex".to_owned(), Some(2))];
    assert_eq!(placed(&mut administrator).await, expected);
    assert_eq!(recorded(&mut administrator).await, of(&[("acme", 2)]));
}

#[tokio::test]
async fn a_tenants_database_has_its_own_record() {
    let database = TestDatabase::new().await;
    let options = || database_server::options(&database).with_migrations(migrations(&[NOTES, MORE]));
    let (db, _) = database_server::open(options().with_migrated_template()).await;
    let (fenced, _) = database_server::open(options().with_fence()).await;
    let record = |id: &str| TenantRecord::new(id.parse().unwrap(), PgDatabaseStrategy::NAME.parse().unwrap());
    db.provision(&record("acme")).await.unwrap();
    fenced.provision(&record("globex")).await.unwrap();
    let connect = async |id: &str| {
        let name = format!("{}{id}", database.prefix());
        database.administrator().database(&name).connect().await.unwrap()
    };
    assert_eq!(recorded(&mut connect("acme").await).await, of(&[("acme", 2)]));
    let placed = placed(&mut connect("globex").await).await;
    assert_eq!(placed, [("globex".to_owned(), Some(2))]);
    // The template is nobody's.
    let sql = "select datname::text from pg_database where datname like 'tenancy_template_%' and pg_get_userbyid(datdba) = current_user";
    let template: String = sqlx::query_scalar(sql)
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    let mut template_database = database.administrator().database(&template).connect().await.unwrap();
    let is_there: bool = sqlx::query_scalar("select to_regclass('tenancy_versions.tenancy_versions') is not null")
        .fetch_one(&mut template_database)
        .await
        .unwrap();
    assert!(!is_there);
    sqlx::Connection::close(template_database).await.unwrap();
    let drop = format!("drop database \"{template}\" with (force)");
    sqlx::raw_sql(AssertSqlSafe(drop))
        .execute(&mut database.connect().await)
        .await
        .unwrap();
}

/// Migrations of many tenants at once make the table once.
#[tokio::test]
async fn many_at_once_record_each_their_own() {
    let database = TestDatabase::new().await;
    let (db, _) = schema_server::open(schema_server::options(&database)).await;
    let ids: Vec<String> = (0..8).map(|number| format!("t{number}")).collect();
    let provisioning = ids.iter().map(|id| {
        let (db, id) = (db.clone(), id.clone());
        tokio::spawn(async move { db.provision(schema_server::member(&id).tenant()).await })
    });
    for one in provisioning.collect::<Vec<_>>() {
        one.await.unwrap().unwrap();
    }
    let found = recorded(&mut database.connect().await).await;
    assert_eq!(found.len(), 8, "{found:?}");
}

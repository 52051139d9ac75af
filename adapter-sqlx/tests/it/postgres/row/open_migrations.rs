//! Migrations of the strategy `row`: what they wait for, and that no table is open after one.

use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{ConnectOptions, Connection, PgConnection, SqlSafeStr};
use tenancy_sqlx::{PgRowBuilder, PgRowStrategy, PgTenantTable, StrategyError};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{NOTES, TestDatabase, bodies, migrations};

fn options(database: &TestDatabase, sql: &[&'static str]) -> PgRowBuilder {
    let schema = database.schema().with_table(PgTenantTable::new("notes").unwrap());
    PgRowStrategy::builder(database.server(), schema)
        .with_migrations(migrations(sql))
        .with_lock_timeout(Duration::from_millis(50))
}

/// Default privileges let the application in to each new table. The policies come later, or never.
#[tokio::test]
async fn a_table_that_a_migration_makes_is_never_open() {
    const ROW: &str = "insert into notes (tenant_id, name, body) values ('globex', 'first', 'of globex')";
    const SECOND: &str = "insert into notes (tenant_id, name) values ('globex', 'second')";
    const FAILS: &str = "select 1 / 0";
    for no_tx in [false, true] {
        let database = TestDatabase::new().await;
        let app = database.application_role();
        let default = format!("alter default privileges grant select on tables to {app}");
        run(&mut database.connect().await, default).await;
        // With a check that is still due where the migration ends.
        let deferred = "alter table notes add parent bigint, add foreign key (tenant_id, parent) references notes
            deferrable initially deferred";
        let texts = [NOTES, ROW, deferred, SECOND, FAILS];
        let all = texts.into_iter().zip(1..).map(|(sql, version)| {
            Migration::new(version, "test".into(), MigrationType::Simple, sql.into_sql_str(), no_tx)
        });
        let migrations = Migrator::with_migrations(all.collect());
        let failed = options(&database, &[]).with_migrations(migrations).open().await;
        assert!(matches!(failed, Err(StrategyError::Migrate(_))), "{failed:?}");
        let mut application = database.application().connect().await.unwrap();
        assert_eq!(bodies(&mut application).await, [""; 0]);
        // The migrations that came after it saw its rows, and so does the owner.
        assert_eq!(bodies(&mut database.connect().await).await.len(), 2);
    }
}

#[tokio::test]
async fn a_migration_waits_within_bounds() {
    const ADD: &str = "alter table notes add column extra text";
    let database = TestDatabase::new().await;
    options(&database, &[NOTES]).open().await.unwrap();
    let mut reader = database.connect().await;
    run(&mut reader, "begin; select count(*) from notes").await;
    let error = options(&database, &[NOTES, ADD]).open().await.unwrap_err();
    let text = error.to_string();
    assert_eq!(
        text,
        "failed to lock what the migration 2 changes in 10 attempts: other sessions hold locks"
    );
    reader.close().await.unwrap();
    options(&database, &[NOTES, ADD]).open().await.unwrap();
    let applied: i64 = sqlx::query_scalar("select count(*) from _sqlx_migrations where success")
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(applied, 2);
}

/// A text that ends the transaction itself is applied once, as sqlx applies it.
#[tokio::test]
async fn a_migration_may_commit_by_itself() {
    const COMMITS: &str = "begin; create table one (a int); insert into one values (1); commit";
    const BEGINS_AGAIN: &str = "commit; begin; create table two (a int)";
    let database = TestDatabase::new().await;
    for _ in 0..2 {
        options(&database, &[NOTES, COMMITS, BEGINS_AGAIN])
            .open()
            .await
            .unwrap();
    }
    let mut administrator = database.connect().await;
    let rows: Vec<i32> = sqlx::query_scalar("select a from one")
        .fetch_all(&mut administrator)
        .await
        .unwrap();
    assert_eq!(rows, [1]);
    run(&mut administrator, "select from two").await;
}

/// What sqlx refuses is refused, and before anything is run.
#[tokio::test]
async fn a_changed_or_missing_migration_is_refused() {
    let database = TestDatabase::new().await;
    options(&database, &[NOTES, "create table one (a int)"])
        .open()
        .await
        .unwrap();
    for (sql, message) in [
        (
            &[NOTES, "create table one (b int)"][..],
            "migration 2 was previously applied but has been modified",
        ),
        (
            &[NOTES],
            "migration 2 was previously applied but is missing in the resolved migrations",
        ),
    ] {
        let Err(StrategyError::Migrate(error)) = options(&database, sql).open().await else {
            panic!("{message}")
        };
        assert_eq!(error.to_string(), message);
    }
    run(
        &mut database.connect().await,
        "update _sqlx_migrations set success = false where version = 2",
    )
    .await;
    let dirty = options(&database, &[NOTES, "create table one (a int)"]).open().await;
    assert!(matches!(dirty, Err(StrategyError::Migrate(_))), "{dirty:?}");
}

/// An index that is built concurrently waits for all who hold a snapshot: also for those who wait to migrate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_to_migrate_does_not_stop_the_one_who_does() {
    let database = TestDatabase::new().await;
    let with_index = || {
        let all = [
            (NOTES, false),
            ("create index concurrently by_body on notes (body)", true),
            ("select pg_sleep(0.5)", false),
            ("create index concurrently by_name on notes (name)", true),
        ];
        let all = all.iter().zip(1..).map(|((sql, no_tx), version)| {
            Migration::new(
                version,
                "test".into(),
                MigrationType::Simple,
                sql.into_sql_str(),
                *no_tx,
            )
        });
        options(&database, &[]).with_migrations(Migrator::with_migrations(all.collect()))
    };
    let openers: Vec<_> = (0..4).map(|_| tokio::spawn(with_index().open())).collect();
    for opener in openers {
        opener.await.unwrap().unwrap();
    }
    let mut administrator: PgConnection = database.connect().await;
    let valid: i64 =
        sqlx::query_scalar("select count(*) from pg_index where indisvalid and indrelid = 'notes'::regclass")
            .fetch_one(&mut administrator)
            .await
            .unwrap();
    assert_eq!(valid, 4);
}

//! Migrations that PostgreSQL runs in no transaction, and processes that provision or remove one tenant at once.

use std::time::Duration;

use futures_util::future::join_all;
use sqlx::AssertSqlSafe;
use tenancy_sqlx::StrategyError;

use super::schema_steps::{ENUM, INDEX};
use crate::postgres::support::schema_server::{
    NOTES, member, open, options, provision_error, provision_with_note, run, versions,
};
use crate::postgres::support::server::{TestDatabase, code, migrations};

async fn invalid_indexes(database: &TestDatabase) -> i64 {
    let sql = "select count(*) from pg_index where not indisvalid";
    let query = sqlx::query_scalar(sql);
    query.fetch_one(&mut database.connect().await).await.unwrap()
}

async fn indexes(database: &TestDatabase, id: &str) -> Vec<(String, bool)> {
    let sql = "select x.relname::text, i.indisvalid from pg_index i join pg_class x on x.oid = i.indexrelid
        where i.indrelid = to_regclass($1) and not i.indisunique order by 1";
    let query = sqlx::query_as(sql).bind(format!("tenant_{id}.notes"));
    query.fetch_all(&mut database.connect().await).await.unwrap()
}

/// What a run that ended at any place has left, in the order in which it comes about.
#[tokio::test]
async fn an_index_is_built_once_wherever_the_run_before_ended() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    let (before, strategy) = open(options(&database)).await;
    let unnamed = "-- no-transaction\ncreate index concurrently on notes (body)";
    let begun = "insert into tenant_acme._sqlx_migrations values (2, 'test', now(), false, '', -1)";
    // As a unique index that finds two equal values leaves it.
    let invalid = "insert into tenant_acme.notes (name, body) values ('a', ''), ('b', '');
        create unique index concurrently NAME on tenant_acme.notes (body)";
    let cases: [(&str, &[&str]); 6] = [
        (INDEX, &[]),
        (INDEX, &[begun]),
        (INDEX, &[begun, "invalid notes_body"]),
        (INDEX, &[begun, "create index notes_body on tenant_acme.notes (body)"]),
        (unnamed, &[begun]),
        (unnamed, &[begun, "invalid notes_body_idx"]),
    ];
    for (index, left) in cases {
        provision_with_note(&before, "acme").await;
        for sql in left {
            match sql.strip_prefix("invalid ") {
                None => run(&mut administrator, *sql).await,
                Some(name) => {
                    for sql in invalid.replace("NAME", name).split(';') {
                        let _ = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut administrator).await;
                    }
                    assert_eq!(invalid_indexes(&database).await, 1);
                }
            }
        }
        let steps = migrations(&[NOTES, index, "alter table notes add column done boolean"]);
        let (db, _) = open(options(&database).with_migrations(steps)).await;
        for _ in 0..2 {
            db.provision(member("acme").tenant()).await.unwrap();
        }
        let name = if index == INDEX { "notes_body" } else { "notes_body_idx" };
        assert_eq!(indexes(&database, "acme").await, [(name.to_owned(), true)], "{left:?}");
        assert_eq!(versions(&database, "acme").await, [1, 2, 3]);
        strategy
            .dangerously_drop_schema(&"acme".parse().unwrap())
            .await
            .unwrap();
    }
}

/// One that the server refuses leaves no trace, and is not taken for built when its name is another index's.
#[tokio::test]
async fn an_index_that_cannot_be_built_leaves_nothing() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database)).await;
    provision_with_note(&db, "acme").await;
    let mut tx = db.begin(&member("acme")).await.unwrap();
    run(&mut tx, "insert into notes (name, body) values ('second', 'of acme')").await;
    tx.commit().await.unwrap();
    let taken = "create index notes_body on notes (name)";
    for (steps, code_of) in [
        (
            vec![
                NOTES,
                "-- no-transaction\ncreate unique index concurrently notes_body on notes (body)",
            ],
            "23505",
        ),
        (vec![NOTES, taken, INDEX], "42P07"),
    ] {
        let count = steps.len();
        let (later, _) = open(options(&database).with_migrations(migrations(&steps))).await;
        for _ in 0..2 {
            let error = provision_error(&later, "acme").await;
            let StrategyError::Migrate(sqlx::migrate::MigrateError::ExecuteMigration(error, _)) = error else {
                panic!("{error:?}");
            };
            assert_eq!(code::<()>(Err(error)), code_of);
            let rows = "select count(*) from tenant_acme._sqlx_migrations";
            let rows: i64 = sqlx::query_scalar(rows)
                .fetch_one(&mut database.connect().await)
                .await
                .unwrap();
            assert_eq!(rows, i64::try_from(count).unwrap() - 1);
            let invalid = "select count(*) from pg_index where not indisvalid";
            let invalid: i64 = sqlx::query_scalar(invalid)
                .fetch_one(&mut database.connect().await)
                .await
                .unwrap();
            assert_eq!(invalid, 0);
        }
    }
}

/// A process that waits holds no snapshot, which building an index would wait for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_provision_one_tenant_at_once() {
    let database = TestDatabase::new().await;
    let steps = || migrations(&[NOTES, INDEX, ENUM[0], ENUM[1], ENUM[2]]);
    let (one, strategy) = open(options(&database).with_migrations(steps())).await;
    let (other, _) = open(options(&database).with_migrations(steps())).await;
    for _ in 0..3 {
        let acme = member("acme");
        let all = [&one, &other, &one, &other].map(|db| db.provision(acme.tenant()));
        for done in join_all(all).await {
            done.unwrap();
        }
        assert_eq!(versions(&database, "acme").await, [1, 2, 3, 4, 5]);
        assert_eq!(indexes(&database, "acme").await, [("notes_body".to_owned(), true)]);
        let acme = "acme".parse().unwrap();
        let removed = join_all([
            strategy.dangerously_drop_schema(&acme),
            strategy.dangerously_drop_schema(&acme),
        ])
        .await;
        assert!(removed.iter().all(Result::is_ok), "{removed:?}");
    }
}

/// A removal that waits for a provisioning must not hold up its index.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_waits_without_a_snapshot() {
    let database = TestDatabase::new().await;
    let slow = "select pg_sleep(0.5)";
    let (db, strategy) = open(options(&database).with_migrations(migrations(&[NOTES, slow, INDEX]))).await;
    let (acme, id) = (member("acme"), "acme".parse().unwrap());
    let removal = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        strategy.dangerously_drop_schema(&id).await
    };
    let (provisioned, removed) = tokio::join!(db.provision(acme.tenant()), removal);
    provisioned.unwrap();
    removed.unwrap();
}

/// Outside of a transaction nothing can be undone, so these are refused before they run.
#[tokio::test]
async fn what_runs_outside_of_a_transaction_stays_in_the_schema() {
    let database = TestDatabase::new().await;
    let before =
        "create schema shop; create table shop.items (id int, name text); create index items_name on shop.items (name);
        create schema extensions; create table extensions.countries (code text)";
    run(&mut database.connect().await, before).await;
    let cases: [(&str, &[&str]); 9] = [
        ("create index concurrently i on shop.items (name)", &["schema shop"]),
        ("create index concurrently on \"shop\" . items (name)", &["schema shop"]),
        ("drop index concurrently if exists shop.items_name", &["schema shop"]),
        ("reindex schema concurrently shop", &["schema shop"]),
        (
            "create index concurrently on countries (code)",
            &["extensions.countries"],
        ),
        (
            "create index concurrently on extensions.countries (code)",
            &["extensions.countries"],
        ),
        ("create database other", &["what `create database other` is about"]),
        // Those that can run in a transaction are watched in one, and undone.
        ("create table shop.orders (id int)", &["table shop.orders"]),
        (
            "create table if not exists shop.items (id int)",
            &["a relation in the schema shop that was there already"],
        ),
    ];
    for (sql, expected) in cases {
        let text: &'static str = format!("-- no-transaction\n{sql}").leak();
        let options = options(&database).with_migrations(migrations(&[NOTES, text]));
        let (db, _) = open(options.with_extension_schema("extensions").unwrap()).await;
        match provision_error(&db, "acme").await {
            StrategyError::ChangedOutside { objects, .. } => assert_eq!(objects, expected, "{sql}"),
            error => panic!("{sql}: {error:?}"),
        }
        assert_eq!(versions(&database, "acme").await, [1]);
    }
    let sql =
        "select array_agg(c.relname::text order by c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('shop', 'extensions')";
    let left: Vec<String> = sqlx::query_scalar(sql)
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(left, ["countries", "items", "items_name"]);
}

#[tokio::test]
async fn what_runs_outside_of_a_transaction_and_stays_is_allowed() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_migrations(migrations(&[
        NOTES,
        INDEX,
        "-- no-transaction\nvacuum (analyze) notes",
        "-- no-transaction\nreindex index concurrently notes_body",
        "-- no-transaction\ndrop index concurrently notes_body",
        "-- no-transaction\ncreate type colour as enum ('red')",
        "-- no-transaction\nalter type colour add value 'blue'",
        "create table cars (colour colour default 'blue')",
    ])))
    .await;
    for _ in 0..2 {
        db.provision(member("acme").tenant()).await.unwrap();
    }
    assert_eq!(versions(&database, "acme").await, [1, 2, 3, 4, 5, 6, 7, 8]);
}

//! Migrations of a tenant's schema that change the search path, in whatever form.

use tenancy_sqlx::{PgSchemaBuilder, StrategyError};

use crate::postgres::support::schema_server::{NOTES, open, options, provision_error, run, versions};
use crate::postgres::support::server::{TestDatabase, migrations};

fn with(database: &TestDatabase, sql: &'static str) -> PgSchemaBuilder {
    options(database).with_migrations(migrations(&[NOTES, sql]))
}

/// As every dump does.
#[tokio::test]
async fn a_migration_that_changes_the_search_path_is_named() {
    let database = TestDatabase::new().await;
    let before = "create schema shop; create table shop.items (id int)";
    run(&mut database.connect().await, before).await;
    for sql in [
        "select pg_catalog.set_config('search_path', '', false)",
        "set search_path = shop; create table if not exists items (id int)",
        "set local search_path = public",
        "reset search_path",
        "reset all",
        "set schema 'shop'",
        "set local schema 'shop'",
        "set session search_path to default",
        "select set_config('SEARCH_PATH', 'shop', true)",
        "do $$ begin perform set_config('search_path', 'shop, ' || current_setting('search_path'), false); end $$",
        "create function f() returns int language plpgsql as 'begin set local search_path = shop; return 1; end'; select f()",
        "alter role current_user set search_path = shop",
        "do $$ begin execute format('alter database %I set search_path = shop', current_database()); end $$",
        "do $$ begin execute format('alter role current_user in database %I set \"Search_Path\" = shop', current_database());
        end $$",
    ] {
        let (db, _) = open(with(&database, sql)).await;
        let error = provision_error(&db, "acme").await;
        assert!(
            matches!(error, StrategyError::SearchPathChanged { version: 2 }),
            "{sql}: {error:?}"
        );
        assert!(error.to_string().contains("migration 2"), "{error}");
        assert_eq!(versions(&database, "acme").await, [1], "{sql}");
    }
}

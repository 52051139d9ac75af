//! A tenant's database: made once, by the first who comes, and made whole after a crash.

use tenancy_sqlx::{PoolSettings, StrategyError};

use crate::postgres::support::database_server::{
    begin_error, databases, member, notes_of, open, options, provision_error, provision_with_note,
};
use crate::postgres::support::schema_server::{NOTES, run};
use crate::postgres::support::server::{TestDatabase, migrations};

#[tokio::test]
async fn doing_it_again_changes_nothing() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database)).await;
    provision_with_note(&db, "acme").await;
    db.provision(member("acme").tenant()).await.unwrap();
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
    assert_eq!(databases(&database).await, ["acme"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_at_once_make_one() {
    let database = TestDatabase::new().await;
    let ((one, _), (other, _)) = (open(options(&database)).await, open(options(&database)).await);
    for id in ["acme", "globex"] {
        let acme = member(id);
        let (one, other) = tokio::join!(one.provision(acme.tenant()), other.provision(acme.tenant()));
        one.unwrap();
        other.unwrap();
    }
    assert_eq!(databases(&database).await, ["acme", "globex"]);
    assert_eq!(notes_of(&one, "acme").await, [""; 0]);
}

/// What a tenant's database is called until it says whose it is.
async fn unfinished(administrator: &mut sqlx::PgConnection, name: &str) -> String {
    let sql = "select 'tenancy_unfinished_' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 40)";
    let asked = sqlx::query_scalar(sql).bind(name);
    asked.fetch_one(administrator).await.unwrap()
}

async fn exists(administrator: &mut sqlx::PgConnection, name: &str) -> bool {
    let sql = "select exists (select from pg_database where datname = $1)";
    let asked = sqlx::query_scalar(sql).bind(name);
    asked.fetch_one(administrator).await.unwrap()
}

/// What stands after each step, if the process ends there.
#[tokio::test]
async fn what_a_crash_left_is_made_whole() {
    let database = TestDatabase::new().await;
    let name = |id: &str| format!("\"{}{id}\"", database.prefix());
    let mut administrator = database.connect().await;
    let (db, _) = open(options(&database)).await;
    for (done, id) in (1..).zip(["acme", "globex", "umbrella"]) {
        let first = unfinished(&mut administrator, &format!("{}{id}", database.prefix())).await;
        let steps = [
            format!("create database {first} template template0"),
            format!("comment on database {first} is 'tenant {id}'; revoke all on database {first} from public"),
            format!("alter database {first} rename to {}", name(id)),
        ];
        for step in steps.into_iter().take(done) {
            run(&mut administrator, step).await;
        }
        // The application is not let in before all is done.
        begin_error(&db, id).await;
        provision_with_note(&db, id).await;
        assert_eq!(notes_of(&db, id).await, [format!("of {id}")]);
        assert!(!exists(&mut administrator, &first).await, "{id}");
    }
    // Tables and rights are there, and only the door is closed still.
    provision_with_note(&db, "initech").await;
    let sql = format!(
        "revoke connect on database {} from {}",
        name("initech"),
        database.application_role()
    );
    run(&mut administrator, sql).await;
    let (db, _) = open(options(&database)).await;
    begin_error(&db, "initech").await;
    db.provision(member("initech").tenant()).await.unwrap();
    assert_eq!(notes_of(&db, "initech").await, ["of initech"]);
}

/// The ones before it stay, and nobody is let in.
#[tokio::test]
async fn a_failed_migration_is_continued_and_lets_nobody_in() {
    let database = TestDatabase::new().await;
    let fails = "create table tags (id int); select 1 / 0";
    let all = [
        NOTES,
        "-- no-transaction\ncreate index concurrently notes_body on notes (body)",
        "create type colour as enum ('red')",
        "-- no-transaction\nalter type colour add value 'blue'",
        "alter table notes add column colour colour default 'blue'",
    ];
    for done in 0..all.len() {
        let mut steps = all;
        steps[done] = fails;
        let (db, _) = open(options(&database).with_migrations(migrations(&steps))).await;
        let error = provision_error(&db, "acme").await;
        assert!(matches!(error, StrategyError::Migrate(_)), "{error:?}");
        assert_eq!(versions(&database, "acme").await.len(), done);
        let error = begin_error(&db, "acme").await;
        // Behind a pooler the server's refusal is the pooler's own.
        let is_unprovisioned = matches!(error, StrategyError::NotProvisioned { .. });
        assert!(is_unprovisioned || crate::BY_POOLER, "after {done}: {error:?}");
    }
    let (db, _) = open(options(&database).with_migrations(migrations(&all))).await;
    provision_with_note(&db, "acme").await;
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
    assert_eq!(versions(&database, "acme").await, [1, 2, 3, 4, 5]);
}

/// A statement of the application's that is refused is its own fault, and says so.
#[tokio::test]
async fn a_right_that_is_missing_in_the_database_is_no_missing_tenant() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database)).await;
    provision_with_note(&db, "acme").await;
    let mut tx = db.begin(&member("acme")).await.unwrap();
    let refused = sqlx::query("create table tags (id int)").execute(&mut *tx).await;
    assert_eq!(crate::postgres::support::server::code(refused), "42501");
}

/// As plain sqlx runs them, in a database that is the tenant's as a whole.
#[tokio::test]
async fn a_migration_may_end_its_transaction() {
    let database = TestDatabase::new().await;
    let steps = [
        NOTES,
        "create type colour as enum ('red'); commit; alter type colour add value 'blue'",
        "-- no-transaction\nbegin; alter table notes add column colour colour default 'blue'; commit",
        "-- no-transaction\ndo $$ begin insert into notes (name) values ('a'); commit; delete from notes; end $$",
    ];
    let (db, _) = open(options(&database).with_migrations(migrations(&steps))).await;
    for _ in 0..2 {
        db.provision(member("acme").tenant()).await.unwrap();
    }
    assert_eq!(versions(&database, "acme").await, [1, 2, 3, 4]);
}

async fn versions(database: &TestDatabase, id: &str) -> Vec<i64> {
    let tenants = database.administrator().database(&format!("{}{id}", database.prefix()));
    let mut tenants = sqlx::ConnectOptions::connect(&tenants).await.unwrap();
    let sql = "select version from public._sqlx_migrations where success order by 1";
    sqlx::query_scalar(sql).fetch_all(&mut tenants).await.unwrap()
}

/// Of the tenant `acme` of the service `…_of_eu_` the name ends like that of a tenant `eu_acme` of `…_of_`: nothing
/// but the whole id in the comment says whose it is.
#[tokio::test]
async fn where_one_prefix_begins_another_each_service_has_its_own() {
    let database = TestDatabase::new().await;
    let (european, _) = open(options(&database).with_prefix(format!("{}eu_", database.prefix()))).await;
    let (db, strategy) = open(options(&database)).await;
    provision_with_note(&european, "acme").await;
    let error = provision_error(&db, "eu_acme").await;
    assert!(matches!(error, StrategyError::Other(_)), "{error:?}");
    let error = strategy.dangerously_drop_database(member("eu_acme").tenant()).await;
    assert!(matches!(error, Err(StrategyError::Other(_))), "{error:?}");
    assert_eq!(notes_of(&european, "acme").await, ["of acme"]);
}

/// Another service's, which says nothing of itself. What it holds is neither migrated nor opened nor removed.
#[tokio::test]
async fn a_database_without_our_comment_is_nobodys() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    let (db, strategy) = open(options(&database)).await;
    let name = format!("{}acme", database.prefix());
    run(
        &mut administrator,
        format!("create database \"{name}\" template template0"),
    )
    .await;
    for comment in [
        "null",
        "''",
        "'tenant '",
        "'tenant acm'",
        "'tenant acme '",
        "'Tenant acme'",
        "'acme'",
        "'tenant x-acme'",
    ] {
        run(
            &mut administrator,
            format!("comment on database \"{name}\" is {comment}"),
        )
        .await;
        let error = provision_error(&db, "acme").await;
        assert!(error.to_string().contains(&name), "{comment}: {error:?}");
        let error = strategy
            .dangerously_drop_database(member("acme").tenant())
            .await
            .unwrap_err();
        assert!(error.to_string().contains(&name), "{comment}: {error:?}");
        assert!(exists(&mut administrator, &name).await, "{comment}");
    }
    let sql = "select array_agg(privilege_type) from pg_database, aclexplode(datacl) where datname = $1";
    let granted: Option<Vec<String>> = sqlx::query_scalar(sql)
        .bind(&name)
        .fetch_one(&mut administrator)
        .await
        .unwrap();
    assert_eq!(granted, None);
}

/// What was begun for a tenant that is removed before it was ended goes, too; what says nothing stays.
#[tokio::test]
async fn an_unfinished_database_is_removed() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    let (db, strategy) = open(options(&database)).await;
    let first = unfinished(&mut administrator, &format!("{}acme", database.prefix())).await;
    run(
        &mut administrator,
        format!("create database {first} template template0"),
    )
    .await;
    strategy
        .dangerously_drop_database(member("acme").tenant())
        .await
        .unwrap();
    assert!(exists(&mut administrator, &first).await);
    run(
        &mut administrator,
        format!("comment on database {first} is 'tenant globex'"),
    )
    .await;
    let error = provision_error(&db, "acme").await;
    assert!(error.to_string().contains(&first), "{error:?}");
    run(
        &mut administrator,
        format!("comment on database {first} is 'tenant acme'"),
    )
    .await;
    strategy
        .dangerously_drop_database(member("acme").tenant())
        .await
        .unwrap();
    assert!(!exists(&mut administrator, &first).await);
}

#[tokio::test]
async fn anothers_database_is_refused() {
    let database = TestDatabase::new().await;
    // Gives databases to other roles.
    let mut superuser = database.superuser().await;
    let (db, strategy) = open(options(&database)).await;
    let name = format!("\"{}acme\"", database.prefix());
    let (owner, administrator) = (database.application_role(), database.administrator_role());
    for sql in [
        format!("create database {name} template template0; "),
        format!("comment on database {name} is 'tenant acme'; alter database {name} owner to {owner}"),
        format!("alter database {name} owner to {administrator}; comment on database {name} is 'tenant globex'"),
    ] {
        run(&mut superuser, sql.trim_end_matches("; ")).await;
        if sql.starts_with("create") {
            continue;
        }
        let error = provision_error(&db, "acme").await;
        assert!(matches!(error, StrategyError::Other(_)), "{error:?}");
        // What is not the tenant's is not removed with it.
        let error = strategy.dangerously_drop_database(member("acme").tenant()).await;
        assert!(matches!(error, Err(StrategyError::Other(_))), "{error:?}");
        assert_eq!(databases(&database).await, ["acme"]);
    }
}

/// Without a prefix an id can be the name of the administrator's own database.
#[tokio::test]
async fn the_administrators_database_is_no_tenants() {
    let database = TestDatabase::new().await;
    let own = database.administrator();
    let id = own.get_database().unwrap();
    let (db, strategy) = open(options(&database).with_prefix("")).await;
    // As if it were the tenant's: that it is in use says that it is not.
    let comment = format!("comment on database \"{id}\" is 'tenant {id}'");
    run(&mut database.connect().await, comment).await;
    let error = provision_error(&db, id).await;
    assert!(matches!(error, StrategyError::Other(_)), "{error:?}");
    let error = strategy.dangerously_drop_database(member(id).tenant()).await;
    assert!(matches!(error, Err(StrategyError::Other(_))), "{error:?}");
    let sql = "select exists (select from pg_class where relname in ('notes', '_sqlx_migrations'))";
    let asked = sqlx::query_scalar(sql);
    let is_migrated: bool = asked.fetch_one(&mut database.connect().await).await.unwrap();
    assert!(!is_migrated);
}

#[tokio::test]
async fn migrations_that_come_later_run_and_are_seen() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_pool(PoolSettings::new().with_max_connections(1))).await;
    provision_with_note(&db, "acme").await;
    let all = "select * from notes";
    let columns = async |db: &tenancy_sqlx::TenantDb<sqlx::Postgres>| {
        let mut tx = db.begin_read(&member("acme")).await.unwrap();
        let row = sqlx::query(all).fetch_one(&mut *tx).await.unwrap();
        sqlx::Row::len(&row)
    };
    assert_eq!(columns(&db).await, 3);
    let more = migrations(&[
        NOTES,
        "alter table notes add column done boolean not null default false",
    ]);
    let (later, _) = open(
        options(&database)
            .with_pool(PoolSettings::new().with_max_connections(1))
            .with_migrations(more),
    )
    .await;
    assert_eq!(columns(&later).await, 3);
    later.provision(member("acme").tenant()).await.unwrap();
    assert_eq!(columns(&later).await, 4);
}

/// As every dump does: what comes after it, and the record of what has run, are where they belong.
#[tokio::test]
async fn a_migration_may_change_the_search_path() {
    let database = TestDatabase::new().await;
    let dump = "select pg_catalog.set_config('search_path', '', false); create table public.notes (
        id bigint generated always as identity primary key, name text not null, body text not null)";
    let elsewhere = "create schema other; set search_path = other; create table tags (id int)";
    let later = "create table notes_tags (note bigint references notes, tag int)";
    let (db, _) = open(options(&database).with_migrations(migrations(&[dump, elsewhere, later]))).await;
    for _ in 0..2 {
        db.provision(member("acme").tenant()).await.unwrap();
    }
    let mut tenant =
        sqlx::ConnectOptions::connect(&database.administrator().database(&format!("{}acme", database.prefix())))
            .await
            .unwrap();
    let sql = "select format('%I.%I', schemaname, tablename) from pg_tables
        where schemaname not in ('pg_catalog', 'information_schema', 'tenancy_versions') order by 1";
    let tables: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut tenant).await.unwrap();
    let expected = [
        "other.tags",
        "public._sqlx_migrations",
        "public.notes",
        "public.notes_tags",
    ];
    assert_eq!(tables, expected);
}

/// The administrator of all tests has `CREATEDB` and nothing else.
#[tokio::test]
async fn an_administrator_needs_not_be_a_superuser() {
    let database = TestDatabase::new().await;
    let (db, strategy) = open(options(&database)).await;
    provision_with_note(&db, "acme").await;
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
    strategy
        .dangerously_drop_database(member("acme").tenant())
        .await
        .unwrap();
    db.close().await;
    assert_eq!(databases(&database).await, [""; 0]);
    let mut administrator = database.connect().await;
    let rights = "select (rolsuper or rolbypassrls or rolcreaterole)::text from pg_roles where rolname = current_user";
    let more: String = sqlx::query_scalar(rights).fetch_one(&mut administrator).await.unwrap();
    assert_eq!(more, "false");
}

//! A schema for each tenant: what a transaction sees.

use sqlx::AssertSqlSafe;
use tenancy_sqlx::{SchemaNameError, StrategyError};

use crate::BY_POOLER;
use crate::postgres::support::schema_server::{
    begin_error, member, notes_of, open, options, provision_error, provision_with_note, run, schemas, two_tenants,
};
use crate::postgres::support::server::{TestDatabase, bodies, code};

const NO_TABLE: &str = "42P01";
const REFUSED: &str = "42501";

#[tokio::test]
async fn the_same_words_are_each_tenants_own() {
    let database = TestDatabase::new().await;
    let db = two_tenants(&database).await;
    for _ in 0..3 {
        assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
        assert_eq!(notes_of(&db, "globex").await, ["of globex"]);
    }
    let mut tx = db.begin(&member("acme")).await.unwrap();
    let updated = sqlx::query("update notes set body = 'changed'").execute(&mut *tx).await;
    assert_eq!(updated.unwrap().rows_affected(), 1);
    tx.commit().await.unwrap();
    assert_eq!(notes_of(&db, "acme").await, ["changed"]);
    assert_eq!(notes_of(&db, "globex").await, ["of globex"]);
}

#[tokio::test]
async fn a_name_is_never_that_of_public() {
    let database = TestDatabase::new().await;
    if BY_POOLER {
        // A pooler passes no setting on when it connects: the role's own holds where a transaction was ended.
        let sql = format!("alter role {} set search_path = pg_temp", database.application_role());
        run(&mut database.superuser().await, sql).await;
    }
    let db = two_tenants(&database).await;
    let role = database.application_role();
    let sql = format!(
        "create table public.shared (id int); grant all on public.shared to {role};
        create table public.notes (body text); insert into public.notes values ('of public');
        grant all on public.notes to {role}; drop table tenant_globex.notes"
    );
    run(&mut database.connect().await, sql).await;
    for (id, sql) in [
        ("acme", "select * from shared"),
        ("globex", "select * from notes"),
        ("acme", "rollback; select * from notes"),
        ("acme", "commit; select * from notes"),
        ("acme", "commit; reset all; select * from notes"),
        ("acme", "commit; begin; select * from notes"),
    ] {
        let mut tx = db.begin(&member(id)).await.unwrap();
        let found = sqlx::raw_sql(sql).execute(&mut *tx).await;
        assert_eq!(code(found), NO_TABLE, "{id}: {sql}");
        drop(tx);
        assert_eq!(notes_of(&db, "acme").await, ["of acme"], "after {sql}");
    }
}

#[tokio::test]
async fn a_temporary_table_does_not_stand_in_front() {
    let database = TestDatabase::new().await;
    let db = two_tenants(&database).await;
    let mut tx = db.begin(&member("acme")).await.unwrap();
    run(
        &mut tx,
        "create temp table notes (body text); insert into pg_temp.notes values ('temporary')",
    )
    .await;
    assert_eq!(bodies(&mut tx).await, ["of acme"]);
    tx.commit().await.unwrap();
    assert_eq!(notes_of(&db, "globex").await, ["of globex"]);
}

#[tokio::test]
async fn the_next_tenant_sees_its_own_whatever_the_last_did() {
    let database = TestDatabase::new().await;
    let db = two_tenants(&database).await;
    for sql in [
        "select 1 / 0",
        "not sql",
        "set search_path = tenant_acme",
        "set local search_path = tenant_acme",
        "commit; set search_path = tenant_acme",
        "rollback; set search_path = tenant_acme",
        "rollback",
        "commit; begin; select 1 / 0",
        "commit; begin; set search_path = tenant_acme; commit; begin",
    ] {
        for ends in ["drop", "commit", "rollback"] {
            let mut tx = db.begin(&member("acme")).await.unwrap();
            assert_eq!(bodies(&mut tx).await, ["of acme"]);
            let _ = sqlx::raw_sql(sql).execute(&mut *tx).await;
            match ends {
                "commit" => drop(tx.commit().await),
                "rollback" => drop(tx.rollback().await),
                _ => drop(tx),
            }
            assert_eq!(notes_of(&db, "globex").await, ["of globex"], "{sql}; {ends}");
        }
    }
}

#[tokio::test]
async fn a_tenant_without_a_schema_is_not_served() {
    let database = TestDatabase::new().await;
    let (db, strategy) = open(options(&database)).await;
    let mut administrator = database.connect().await;
    run(
        &mut administrator,
        "create table public.notes (body text); grant all on public.notes to public",
    )
    .await;
    for _ in 0..2 {
        let error = begin_error(&db, "acme").await;
        assert!(matches!(error, StrategyError::NotProvisioned { .. }), "{error:?}");
    }
    provision_with_note(&db, "acme").await;
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
    for _ in 0..2 {
        strategy
            .dangerously_drop_schema(&"acme".parse().unwrap())
            .await
            .unwrap();
        let error = begin_error(&db, "acme").await;
        assert!(matches!(error, StrategyError::NotProvisioned { .. }), "{error:?}");
    }
    assert_eq!(schemas(&database).await, [""; 0]);
}

#[tokio::test]
async fn an_id_fits_or_is_refused() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database)).await;
    let (fits, too_long) = ("a".repeat(56), "a".repeat(57));
    provision_with_note(&db, &fits).await;
    assert_eq!(notes_of(&db, &fits).await, [format!("of {fits}")]);
    // Cut off, the longer would be the shorter.
    for error in [provision_error(&db, &too_long).await, begin_error(&db, &too_long).await] {
        let StrategyError::SchemaName { source, .. } = error else {
            panic!("{error:?}")
        };
        assert!(matches!(source, SchemaNameError::Identifier(_)), "{source:?}");
    }
    assert_eq!(schemas(&database).await, [format!("tenant_{fits}")]);
}

#[tokio::test]
async fn a_reserved_schema_is_no_tenants() {
    let database = TestDatabase::new().await;
    let (db, strategy) = open(options(&database).with_prefix("")).await;
    run(&mut database.connect().await, "create table public.notes (body text)").await;
    let mut errors = vec![provision_error(&db, "public").await, begin_error(&db, "public").await];
    let dropped = strategy.dangerously_drop_schema(&"public".parse().unwrap()).await;
    errors.push(dropped.unwrap_err());
    for error in errors {
        let StrategyError::SchemaName { source, .. } = error else {
            panic!("{error:?}")
        };
        assert!(matches!(source, SchemaNameError::Reserved { .. }), "{source:?}");
    }
    provision_with_note(&db, "acme").await;
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
}

#[tokio::test]
async fn any_prefix_is_quoted() {
    let database = TestDatabase::new().await;
    for prefix in [
        "tenant\"; drop table public.canary; --",
        "tenant'; drop table public.canary; --",
        "tenant\\'\u{e9} $$ ",
    ] {
        let mut administrator = database.connect().await;
        run(&mut administrator, "create table if not exists public.canary ()").await;
        let (db, strategy) = open(options(&database).with_prefix(prefix)).await;
        provision_with_note(&db, "a-b_c").await;
        assert_eq!(notes_of(&db, "a-b_c").await, ["of a-b_c"], "{prefix}");
        assert_eq!(schemas(&database).await, [format!("{prefix}a-b_c")]);
        strategy
            .dangerously_drop_schema(&"a-b_c".parse().unwrap())
            .await
            .unwrap();
        assert_eq!(schemas(&database).await, [""; 0]);
        run(&mut administrator, "select * from public.canary").await;
        db.close().await;
    }
}

#[tokio::test]
async fn readers_do_not_write() {
    let database = TestDatabase::new().await;
    let db = two_tenants(&database).await;
    let mut tx = db.begin_read(&member("acme")).await.unwrap();
    let written = sqlx::query("delete from notes").execute(&mut *tx).await;
    assert_eq!(code(written), "25006");
    drop(tx);
    // Nor does a writer read only, whatever the role's default is.
    let role = database.application_role();
    let sql = format!("alter role {role} set default_transaction_read_only = on");
    // Changes a role.
    run(&mut database.superuser().await, sql).await;
    let (db, _) = open(options(&database)).await;
    let mut tx = db.begin(&member("acme")).await.unwrap();
    sqlx::query("delete from notes").execute(&mut *tx).await.unwrap();
}

#[tokio::test]
async fn the_application_changes_no_schema() {
    let database = TestDatabase::new().await;
    let db = two_tenants(&database).await;
    for sql in [
        "create table mine ()",
        "create function mine() returns int language sql as 'select 1'",
        "create schema tenant_mine",
        "drop schema tenant_acme cascade",
        "drop schema tenant_globex cascade",
        "alter schema tenant_globex rename to tenant_mine",
        "drop table notes",
        "alter table notes add column mine int",
        "truncate notes",
        "select * from _sqlx_migrations",
        "delete from _sqlx_migrations",
    ] {
        let mut tx = db.begin(&member("acme")).await.unwrap();
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await;
        assert_eq!(code(done), REFUSED, "{sql}");
    }
}

#[tokio::test]
async fn shared_schemas_are_searched_after_the_tenants() {
    let database = TestDatabase::new().await;
    let sql = "create schema extensions; grant usage on schema extensions to public;
        create function extensions.answer() returns int language sql as 'select 42';
        create table extensions.notes (body text)";
    run(&mut database.connect().await, sql).await;
    let (db, _) = open(options(&database).with_extension_schema("extensions").unwrap()).await;
    provision_with_note(&db, "acme").await;
    let mut tx = db.begin(&member("acme")).await.unwrap();
    let answer: i32 = sqlx::query_scalar("select answer()").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(answer, 42);
    assert_eq!(bodies(&mut tx).await, ["of acme"]);
}

/// As behind a pooler, but that there is none: statements are prepared anew, and no start-up setting is sent.
#[tokio::test]
async fn a_pooler_changes_nothing_that_is_seen() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_transaction_pooler()).await;
    for id in ["acme", "globex"] {
        provision_with_note(&db, id).await;
    }
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
    assert_eq!(notes_of(&db, "globex").await, ["of globex"]);
    // Another client of the pooler may have used the names that come next.
    let mut tx = db.begin(&member("acme")).await.unwrap();
    let prepared = "select count(*)::text from pg_prepared_statements";
    let prepared = sqlx::raw_sql(prepared).fetch_one(&mut *tx).await.unwrap();
    assert_eq!(sqlx::Row::get::<String, _>(&prepared, 0), "0");
    run(
        &mut tx,
        "commit; prepare sqlx_s_9 as select 1; prepare sqlx_s_10 as select 1",
    )
    .await;
    drop(tx);
    for _ in 0..9 {
        assert_eq!(notes_of(&db, "globex").await, ["of globex"]);
    }
}

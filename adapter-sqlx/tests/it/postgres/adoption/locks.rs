//! What an adoption locks, and how it waits.

use sqlx::Connection;
use tenancy_sqlx::{AdoptError, PgTenantColumn, PgTenantTable};

use crate::postgres::adoption::before_and_after::{adopt, before, declared, texts};
use crate::postgres::support::schema_server::run;

const NOTES: &str = "create table notes (id int primary key, body text)";

/// A session that holds a lock for longer than one attempt waits: the next attempt gets it.
#[tokio::test]
async fn a_lock_that_ends_is_waited_for() {
    let database = before(NOTES).await;
    let mut holder = database.connect().await;
    run(&mut holder, "begin; lock table notes in access share mode").await;
    let holding = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
        run(&mut holder, "commit").await;
    });
    assert!(
        adopt(&database, &declared(&database, &["notes"]))
            .await
            .unwrap()
            .has_changed()
    );
    holding.await.unwrap();
}

/// A table that is adopted is read while somebody else writes it, and nothing is locked.
#[tokio::test]
async fn an_adopted_table_is_not_locked() {
    let database = before(NOTES).await;
    let tables = declared(&database, &["notes"]);
    adopt(&database, &tables).await.unwrap();
    let mut writer = database.connect().await;
    run(&mut writer, "begin; lock table notes in row exclusive mode").await;
    let mut administrator = database.connect().await;
    let mut tx = administrator.begin().await.unwrap();
    let again = tables.adopt(&"acme".parse().unwrap(), &mut tx).await.unwrap();
    assert!(!again.has_changed());
    let held = "select distinct mode from pg_locks where pid = pg_backend_pid() and locktype = 'relation'
        and relation = 'notes'::regclass";
    let held = texts(&mut tx, held).await;
    assert!(held.iter().all(|mode| mode == "AccessShareLock"), "{held:?}");
}

/// What is refused is refused before anything is locked.
#[tokio::test]
async fn a_refusal_waits_for_nobody() {
    let database = before(&format!("{NOTES}; create table other (note int references notes)")).await;
    let mut holder = database.connect().await;
    run(&mut holder, "begin; lock table notes in access share mode").await;
    let refused = adopt(&database, &declared(&database, &["notes"])).await;
    assert!(matches!(refused, Err(AdoptError::Refused { .. })), "{refused:?}");
}

/// The number of locks grows with the tables and their keys alone: no temporary table is made for each.
#[tokio::test]
async fn many_tables_need_few_locks() {
    const TABLES: usize = 40;
    let names: Vec<String> = (0..TABLES).map(|number| format!("t{number}")).collect();
    let sql: String = names
        .iter()
        .map(|name| format!("create table {name} (id serial primary key, body text unique, up int references {name});"))
        .collect();
    let database = before(&sql).await;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let tables = declared(&database, &names);
    let mut administrator = database.connect().await;
    let mut tx = administrator.begin().await.unwrap();
    tables.adopt(&"acme".parse().unwrap(), &mut tx).await.unwrap();
    // Each table, and its two keys before and after.
    let held = "select count(distinct relation)::text from pg_locks
        where pid = pg_backend_pid() and mode = 'AccessExclusiveLock'";
    let held: usize = texts(&mut tx, held).await[0].parse().unwrap();
    assert!((5 * TABLES..5 * TABLES + 5).contains(&held), "{held}");
}

/// One temporary table for all columns of a type, however they are named, where something differs.
#[tokio::test]
async fn verifying_many_tables_makes_one_model_for_each_type() {
    let sql = "create table one (id int primary key); create table two (id int primary key);
        create table three (\"Odd \"\" name\" text not null, id int, primary key (\"Odd \"\" name\", id));
        create table four (id int primary key)";
    let database = before(sql).await;
    let named = |name: &str, column: &str, column_type| {
        let table = PgTenantTable::new(name).unwrap();
        table.with_tenant_column(column, column_type).unwrap()
    };
    let tables = declared(&database, &["one", "two"])
        .with_table(named("three", "Odd \" name", PgTenantColumn::Text))
        .with_table(named("four", "org_id", PgTenantColumn::BigInt));
    let mut administrator = database.connect().await;
    tables.adopt(&"7".parse().unwrap(), &mut administrator).await.unwrap();
    run(
        &mut administrator,
        "alter table one alter column tenant_id set default 'x'",
    )
    .await;
    // A sequence keeps its count when the model is rolled back. Only a superuser sees what others make.
    let count = "create sequence made; create function made() returns event_trigger language plpgsql as
            $$ begin perform nextval('public.made'); end $$; grant usage on sequence made to public;
        create event trigger made on ddl_command_end when tag in ('CREATE TABLE') execute function made()";
    run(&mut database.superuser().await, count).await;
    let report = tables.verify(&mut administrator).await.unwrap();
    assert!(report.is_clean(), "{report}");
    let made = texts(&mut database.superuser().await, "select last_value::text from made").await;
    assert_eq!(made, ["2"]);
}

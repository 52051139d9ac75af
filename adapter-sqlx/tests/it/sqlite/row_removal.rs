//! A removal of a tenant's rows leaves none of them, or says where they are and changes nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up fails")]

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Sqlite, sqlite::SqliteConnectOptions};
use tempfile::{TempDir, tempdir};
use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_sqlx::{
    RemoveError, SqliteRowStrategy, StrategyError, StrategyRegistry, TenantDb, TenantTable, UnsafeSchema,
};

use crate::across::AcrossTenants as _;
use crate::common::*;

/// Notes, tags and an archive, with rows of `a` and `b`.
const TABLES: &str = "
    create table notes_rows (tenant_id text not null, id text not null, tag text, done integer default 0, primary key (tenant_id, id));
    create table tags_rows (tenant_id text not null, id text not null, note text, primary key (tenant_id, id));
    create table archive_rows (tenant_id text not null, id text not null, n integer default 0, primary key (tenant_id, id));";
const ROWS: &str = "
    insert into notes_rows (tenant_id, id) values ('a', '1'), ('a', '2'), ('b', '1');
    insert into tags_rows (tenant_id, id) values ('a', '1'), ('b', '1');";

async fn raw(dir: &TempDir, sql: &str) {
    let file = SqliteConnectOptions::new()
        .filename(dir.path().join("rows.sqlite"))
        .create_if_missing(true);
    let mut connection = file.connect().await.unwrap();
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.unwrap();
}

/// The tables in an order in which a parent, and the archive, comes before what fills it.
async fn open(dir: &TempDir, sql: &str) -> TenantDb<Sqlite> {
    raw(dir, sql).await;
    let table = |name: &str| TenantTable::new(name, &format!("{name}_rows")).unwrap();
    let rows = SqliteRowStrategy::builder(dir.path().join("rows.sqlite"))
        .with_table(table("archive"))
        .with_table(table("tags"))
        .with_table(table("notes"))
        .open()
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    TenantDb::new(StrategyRegistry::new().with(rows).unwrap())
}

fn archived(id: &str) -> TenantRecord {
    let mut record = record(id, "row");
    record.status = TenantStatus::Archived;
    record
}

async fn rows(db: &TenantDb<Sqlite>) -> Vec<String> {
    let mut tx = db.across_tenants().await.unwrap();
    let sql = "select tenant_id || ' notes ' || id || ' ' || done from notes_rows union all
        select tenant_id || ' tags ' || id from tags_rows union all
        select tenant_id || ' archive ' || id from archive_rows order by 1";
    texts(&mut tx, sql).await
}

#[tokio::test]
async fn it_goes_on_until_nothing_is_left() {
    let restricted = "
        create table notes_rows (tenant_id text not null, id text not null, tag text, done integer default 0, primary key (tenant_id, id),
            foreign key (tenant_id, tag) references tags_rows on delete restrict);
        create table tags_rows (tenant_id text not null, id text not null, note text, primary key (tenant_id, id),
            foreign key (tenant_id, note) references notes_rows (tenant_id, id) on delete restrict);
        create table archive_rows (tenant_id text not null, id text not null, up text, primary key (tenant_id, id),
            foreign key (tenant_id, up) references archive_rows on delete restrict);
        insert into archive_rows values ('a', '1', null), ('a', '2', '1'), ('a', '3', '3');";
    for (tables, sql) in [
        (TABLES, ""),
        (TABLES, "create trigger t after delete on notes_rows begin insert into archive_rows (tenant_id, id) values (old.tenant_id, old.id); end"),
        (TABLES, "create trigger t before delete on notes_rows begin insert or replace into tags_rows (tenant_id, id) values (old.tenant_id, old.id); end;
            create trigger u after delete on tags_rows begin insert or replace into archive_rows (tenant_id, id) values (old.tenant_id, old.id); end"),
        // Lets go of a row when it is deleted for the second time.
        (TABLES, "create trigger t before delete on notes_rows when old.done = 0
            begin update notes_rows set done = 1 where tenant_id = old.tenant_id and id = old.id; select raise(ignore); end"),
        (restricted, "pragma foreign_keys = off;"),
    ] {
        let dir = tempdir().unwrap();
        let link = "update notes_rows set tag = '1'; update tags_rows set note = '1';";
        let db = open(&dir, &format!("{tables}{sql};{ROWS}{link}")).await;
        for _ in 0..2 {
            db.dangerously_remove(&archived("a")).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            assert_eq!(rows(&db).await, ["b notes 1 0", "b tags 1"], "{sql}");
        }
    }
}

#[tokio::test]
async fn what_stays_is_an_error_that_names_it_and_nothing_is_removed() {
    for (sql, remaining) in [
        ("create trigger t before delete on notes_rows begin select raise(ignore); end", "2 rows of the tenant `a` remain in notes_rows"),
        ("create trigger t before delete on notes_rows when old.id = '2' begin select raise(ignore); end", "1 rows of the tenant `a` remain in notes_rows"),
        ("create trigger t before delete on notes_rows begin update notes_rows set done = done + 1
            where tenant_id = old.tenant_id and id = old.id; select raise(ignore); end", "2 rows of the tenant `a` remain in notes_rows"),
        ("create trigger t after delete on tags_rows begin insert into tags_rows values (old.tenant_id, old.id, old.note); end", "1 rows of the tenant `a` remain in tags_rows"),
        // Each gives its rows to the other, for ever.
        ("create trigger t after delete on notes_rows begin insert or replace into tags_rows (tenant_id, id) values (old.tenant_id, old.id); end;
          create trigger u after delete on tags_rows begin insert or replace into notes_rows (tenant_id, id) values (old.tenant_id, old.id); end",
         "2 rows of the tenant `a` remain in tags_rows"),
    ] {
        let dir = tempdir().unwrap();
        let db = open(&dir, &format!("{TABLES}{sql};{ROWS}")).await;
        let before = rows(&db).await;
        let refused = db.dangerously_remove(&archived("a")).await;
        let Err(RemoveError::Strategy { source, .. }) = refused else {
            panic!("{sql}: {refused:?}")
        };
        assert!(matches!(source, StrategyError::Remaining { .. }), "{sql}: {source:?}");
        assert_eq!(source.to_string(), remaining, "{sql}");
        assert_eq!(rows(&db).await, before, "{sql}");
    }
}

#[tokio::test]
async fn a_row_that_is_referred_to_from_a_shared_table_is_not_removed() {
    let dir = tempdir().unwrap();
    let shared =
        "create table shared (owner text, note text, foreign key (owner, note) references notes_rows (tenant_id, id));";
    let db = open(
        &dir,
        &format!("{TABLES}{shared}{ROWS} insert into shared values ('a', '1')"),
    )
    .await;
    let before = rows(&db).await;
    let refused = db.dangerously_remove(&archived("a")).await;
    assert!(
        matches!(
            &refused,
            Err(RemoveError::Strategy {
                source: StrategyError::Database(_),
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(rows(&db).await, before);
    raw(&dir, "delete from shared").await;
    db.dangerously_remove(&archived("a")).await.unwrap();
    assert_eq!(rows(&db).await, ["b notes 1 0", "b tags 1"]);
}

#[tokio::test]
async fn a_table_that_was_made_since_is_not_overlooked() {
    let dir = tempdir().unwrap();
    let db = open(&dir, &format!("{TABLES}{ROWS}")).await;
    raw(
        &dir,
        "create table files_rows (tenant_id text not null, id text); insert into files_rows values ('a', '1')",
    )
    .await;
    let before = rows(&db).await;
    let refused = db.dangerously_remove(&archived("a")).await;
    let Err(RemoveError::Strategy {
        source: StrategyError::UnsafeSchema(UnsafeSchema::Undeclared { name, .. }),
        ..
    }) = refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(name, "files_rows");
    assert_eq!(rows(&db).await, before);
}

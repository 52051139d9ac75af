//! Schemas that would leak do not open.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up fails")]

use tempfile::tempdir;
use tenancy_sqlx::{SqliteRowStrategy, StrategyError, TenantTable, TenantTableError, UnsafeSchema};

use crate::common::*;

async fn open(sql: &'static str) -> Result<(), UnsafeSchema> {
    let dir = tempdir().unwrap();
    let opened = SqliteRowStrategy::builder(dir.path().join("rows.sqlite"))
        .with_table(notes_table())
        .with_table(TenantTable::new("tags", "tags_rows").unwrap())
        .with_migrations(migrations(&[sql]))
        .open()
        .await;
    match opened {
        Ok(_) => Ok(()),
        Err(StrategyError::UnsafeSchema(refused)) => Err(refused),
        Err(other) => panic!("{sql}: {other:?}"),
    }
}

const TAGS: &str = "create table tags_rows (tenant_id text not null, id text not null, primary key (tenant_id, id));";

macro_rules! schema {
    ($($sql:literal),* $(,)?) => {
        open(concat!(
            "create table tags_rows (tenant_id text not null, id text not null, primary key (tenant_id, id));",
            $($sql),*
        )).await
    };
}

#[tokio::test]
async fn a_sound_schema_opens() {
    assert!(TAGS.starts_with("create table tags_rows"));
    schema!(
        "create table countries (id integer primary key, name text unique);",
        "create table notes_rows (Tenant_ID varchar(63) not null, id text, country integer references countries,",
        " tag text, note text, \"odd \"\"name\" text default \"it's\", slug text, primary key (id, tenant_id),",
        " unique (tenant_id, slug), foreign key (tenant_id, tag) references tags_rows,",
        " foreign key (tenant_id, note) references notes_rows (tenant_id, id)) without rowid;",
        "create index i on notes_rows (slug);",
        "create view names as select name from countries;",
    )
    .unwrap();
}

#[tokio::test]
async fn a_leaking_schema_does_not_open() {
    let no_table = schema!("");
    assert!(matches!(no_table, Err(UnsafeSchema::NoTable { .. })), "{no_table:?}");
    for column in [
        schema!("create table notes_rows (id text primary key);"),
        schema!("create table notes_rows (tenant_id text, id text, primary key (tenant_id, id));"),
        schema!("create table notes_rows (tenant_id integer not null, id text, primary key (tenant_id, id));"),
        schema!("create table notes_rows (tenant_id not null, id text, primary key (tenant_id, id));"),
        schema!("create table notes_rows (tenant_id numeric not null, id text, primary key (tenant_id, id));"),
    ] {
        assert!(matches!(column, Err(UnsafeSchema::TenantColumn { .. })), "{column:?}");
    }
    for key in [
        schema!("create table notes_rows (tenant_id text not null, id text);"),
        schema!("create table notes_rows (tenant_id text not null, id integer primary key);"),
        schema!("create table notes_rows (tenant_id text not null, id text unique, primary key (tenant_id, id));"),
        schema!(
            "create table notes_rows (tenant_id text not null, id text, primary key (tenant_id, id));
            create unique index u on notes_rows (lower(id)) where id > 'a';"
        ),
    ] {
        assert!(matches!(key, Err(UnsafeSchema::KeyWithoutTenant { .. })), "{key:?}");
    }
    for foreign_key in [
        schema!(
            "create table notes_rows (tenant_id text not null, id text, owner text, primary key (tenant_id, id),
            foreign key (owner, id) references tags_rows (tenant_id, id));"
        ),
        schema!(
            "create table notes_rows (tenant_id text not null, id text, owner text, primary key (tenant_id, id),
            foreign key (owner, id) references tags_rows);"
        ),
    ] {
        assert!(
            matches!(foreign_key, Err(UnsafeSchema::ForeignKeyWithoutTenant { .. })),
            "{foreign_key:?}"
        );
    }
}

#[tokio::test]
async fn nothing_unfiltered_stands_beside_the_views() {
    macro_rules! beside {
        ($sql:literal) => {
            schema!(
                "create table notes_rows (tenant_id text not null, id text, primary key (tenant_id, id));",
                $sql
            )
        };
    }
    beside!("").unwrap();
    let forgotten = beside!("create table files (id text, tenant_id text);");
    assert!(
        matches!(forgotten, Err(UnsafeSchema::Undeclared { .. })),
        "{forgotten:?}"
    );
    let view = beside!("create view ids as select id from NOTES_rows;");
    assert!(matches!(view, Err(UnsafeSchema::LeakingView { .. })), "{view:?}");
    let taken = beside!("create table Notes (id text);");
    assert!(matches!(taken, Err(UnsafeSchema::NameTaken { .. })), "{taken:?}");
}

const NOTES: &str = "create table notes_rows (tenant_id text not null, id text, primary key (tenant_id, id));";

#[tokio::test]
async fn a_virtual_table_over_a_base_table_is_refused() {
    assert!(NOTES.starts_with("create table notes_rows"));
    let index = schema!(
        "create table notes_rows (tenant_id text not null, id text, body text, primary key (tenant_id, id));",
        "create virtual table notes_fts using fts5(body, content='notes_rows');",
    );
    assert!(matches!(index, Err(UnsafeSchema::LeakingView { .. })), "{index:?}");
}

#[tokio::test]
async fn actions_of_foreign_keys_stay_inside_the_tenant() {
    macro_rules! with_key {
        ($key:literal) => {
            schema!(
                "create table countries (id text primary key);",
                "create table notes_rows (tenant_id text not null default 'main', id text, country text, tag text,",
                " primary key (tenant_id, id), ",
                $key,
                ");"
            )
        };
    }
    with_key!("foreign key (country) references countries on delete restrict").unwrap();
    with_key!("foreign key (tenant_id, tag) references tags_rows on delete cascade").unwrap();
    for refused in [
        with_key!("foreign key (country) references countries on delete cascade"),
        with_key!("foreign key (country) references countries on delete set null"),
        with_key!("foreign key (country) references countries on update cascade"),
        with_key!("foreign key (tenant_id, tag) references tags_rows on delete set default"),
        with_key!("foreign key (tenant_id, tag) references tags_rows on delete set null"),
    ] {
        assert!(
            matches!(refused, Err(UnsafeSchema::ForeignKeyAction { .. })),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_forgotten_declaration_is_refused() {
    let dir = tempdir().unwrap();
    let opened = SqliteRowStrategy::builder(dir.path().join("rows.sqlite"))
        .with_migrations(migrations(&[NOTES]))
        .open()
        .await;
    assert!(
        matches!(
            opened,
            Err(StrategyError::UnsafeSchema(UnsafeSchema::Undeclared { .. }))
        ),
        "{opened:?}"
    );
}

#[test]
fn names_are_plain_identifiers() {
    for bad in [
        "",
        "a b",
        "a\"b",
        "a;b",
        "1a",
        "é",
        "sqlite_a",
        "SQLite_a",
        "tenancy_bound",
        "a.b",
        &"a".repeat(64),
    ] {
        assert_eq!(TenantTable::new(bad, "base"), Err(TenantTableError::Name), "{bad:?}");
        assert_eq!(TenantTable::new("view", bad), Err(TenantTableError::Name), "{bad:?}");
        let table = TenantTable::new("view", "base").unwrap();
        assert_eq!(table.with_tenant_column(bad), Err(TenantTableError::Name), "{bad:?}");
    }
    assert_eq!(TenantTable::new("notes", "NOTES"), Err(TenantTableError::SameName));
}

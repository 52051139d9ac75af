//! Removals that cannot remove everything, and so remove nothing.

use crate::postgres::removal::removal::{BOTH, Case, INSERT_BOTH, INSERT_NOTE, NOTES};
use crate::postgres::support::removal_server::{open, remove, rows, seed_both};
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::TestDatabase;
use tenancy_sqlx::StrategyError;

/// What stays, and how many rows of which tables.
const KEPT: &[(Case, &[(&str, u64)])] = &[
    (
        Case {
            name: "a trigger marks rows for ever",
            tables: BOTH,
            sql: "create table notes (tenant_id text, id int, gone boolean, primary key (tenant_id, id));
                create table replies (tenant_id text, note int, primary key (tenant_id, note));
                create function mark() returns trigger language plpgsql as $$ begin
                    update notes set gone = true where tenant_id = old.tenant_id and id = old.id; return null;
                end $$;
                create trigger mark before delete on notes for each row execute function mark()",
            rows: INSERT_BOTH,
        },
        &[("\"public\".\"notes\"", 1)],
    ),
    (
        Case {
            name: "triggers keep rows of two tables",
            tables: BOTH,
            sql: "create table notes (tenant_id text, id int, primary key (tenant_id, id));
                create table replies (tenant_id text, note int, primary key (tenant_id, note));
                create function keep() returns trigger language plpgsql as $$ begin return null; end $$;
                create trigger keep before delete on notes for each row execute function keep();
                create trigger keep before delete on replies for each row execute function keep()",
            rows: INSERT_BOTH,
        },
        &[("\"public\".\"notes\"", 1), ("\"public\".\"replies\"", 1)],
    ),
    (
        Case {
            name: "a trigger keeps what refers to another table",
            tables: BOTH,
            sql: "create table notes (tenant_id text, id int, primary key (tenant_id, id));
                create table replies (tenant_id text, note int, foreign key (tenant_id, note) references notes);
                create function keep() returns trigger language plpgsql as $$ begin return null; end $$;
                create trigger keep before delete on replies for each row execute function keep()",
            rows: INSERT_BOTH,
        },
        &[("\"public\".\"notes\"", 1), ("\"public\".\"replies\"", 1)],
    ),
    (
        Case {
            name: "a trigger refuses for ever",
            tables: BOTH,
            sql: "create table notes (tenant_id text, id int, primary key (tenant_id, id));
                create table replies (tenant_id text, note int, primary key (tenant_id, note));
                create function refuse() returns trigger language plpgsql as $$ begin raise exception 'never'; end $$;
                create trigger refuse before delete on notes for each row execute function refuse()",
            rows: INSERT_BOTH,
        },
        &[("\"public\".\"notes\"", 1)],
    ),
    (
        Case {
            name: "a rule does nothing instead",
            tables: BOTH,
            sql: "create table notes (tenant_id text, id int, primary key (tenant_id, id));
                create table replies (tenant_id text, note int, primary key (tenant_id, note));
                create rule nothing as on delete to notes do instead nothing",
            rows: INSERT_BOTH,
        },
        &[("\"public\".\"notes\"", 1)],
    ),
    (
        Case {
            name: "a trigger inserts two rows for each that goes",
            tables: NOTES,
            sql: "create table notes (tenant_id text not null, id int);
                create function again() returns trigger language plpgsql as $$ begin
                    insert into notes values (old.tenant_id, old.id), (old.tenant_id, old.id); return old;
                end $$;
                create trigger again after delete on notes for each row execute function again()",
            rows: "insert into notes values ('TENANT', 1)",
        },
        &[],
    ),
    (
        Case {
            name: "a deferred trigger inserts the row again",
            tables: NOTES,
            sql: "create table notes (tenant_id text, id int, primary key (tenant_id, id));
                create function again() returns trigger language plpgsql as $$ begin
                    insert into notes values (old.tenant_id, old.id); return old;
                end $$;
                create constraint trigger again after delete on notes deferrable initially deferred
                    for each row execute function again()",
            rows: INSERT_NOTE,
        },
        &[("\"public\".\"notes\"", 2)],
    ),
    (
        Case {
            name: "a partition of its own keeps rows",
            tables: NOTES,
            sql:
                "create table notes (tenant_id text, id int, primary key (tenant_id, id)) partition by list (tenant_id);
                create table others partition of notes default;
                create function keep() returns trigger language plpgsql as $$ begin return null; end $$;
                create trigger keep before delete on others for each row execute function keep()",
            rows: INSERT_NOTE,
        },
        &[("\"public\".\"notes\"", 2)],
    ),
];

#[tokio::test]
async fn what_is_left_is_named_and_nothing_is_removed() {
    for (
        Case {
            name,
            tables,
            sql,
            rows: insert,
        },
        expected,
    ) in KEPT
    {
        let database = TestDatabase::new().await;
        let db = open(&database, tables, sql).await;
        seed_both(&mut database.connect().await, insert).await;
        let before = rows(&database, tables, "acme").await;
        match remove(&db, "acme").await {
            Err(StrategyError::Remaining {
                tenant,
                table,
                rows,
                others,
                ..
            }) => {
                assert_eq!(tenant.as_str(), "acme", "{name}");
                let mut left = vec![(table, rows)];
                left.extend(others);
                let left: Vec<(&str, u64)> = left.iter().map(|(table, rows)| (table.as_str(), *rows)).collect();
                assert!(expected.is_empty() || left == *expected, "{name}: {left:?}");
            }
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(rows(&database, tables, "acme").await, before, "{name}");
    }
}

#[tokio::test]
async fn the_error_says_how_many_rows_remain_where() {
    let (
        Case {
            tables,
            sql,
            rows: insert,
            ..
        },
        _,
    ) = &KEPT[1];
    let database = TestDatabase::new().await;
    let db = open(&database, tables, sql).await;
    seed_both(&mut database.connect().await, insert).await;
    let error = remove(&db, "acme").await.unwrap_err().to_string();
    let expected = r#"1 rows of the tenant `acme` remain in "public"."notes", 1 in "public"."replies""#;
    assert_eq!(error, expected);
}

/// A foreign key of a table that is not declared refuses, by its own name.
#[tokio::test]
async fn what_refers_from_outside_is_named() {
    let database = TestDatabase::new().await;
    let sql = "create table notes (tenant_id text, id int, primary key (tenant_id, id));
        create table undeclared (tenant text, note int,
            constraint from_outside foreign key (tenant, note) references notes)";
    let db = open(&database, NOTES, sql).await;
    let mut administrator = database.connect().await;
    seed_both(&mut administrator, INSERT_NOTE).await;
    run(&mut administrator, "insert into undeclared values ('acme', 1)").await;
    match remove(&db, "acme").await {
        Err(StrategyError::Remaining {
            rows: 2,
            source: Some(error),
            ..
        }) => assert!(error.to_string().contains("from_outside"), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(rows(&database, NOTES, "acme").await.len(), 2);
}

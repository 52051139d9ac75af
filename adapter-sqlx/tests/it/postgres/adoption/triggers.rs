//! What fills the tenant's column starts nothing of the application's, and waits for nothing that is deferred.

use sqlx::Connection;

use crate::postgres::adoption::before_and_after::{adopt, before, declared, of_orgs, open, shape, texts};
use crate::postgres::support::schema_server::run;

/// A table with triggers that touch, record and forbid, in each of the states that a trigger can have.
const TRIGGERS: &str = "
create table notes (id int primary key, body text, touched int not null default 0);
insert into notes values (1, 'one'), (2, 'two');
create table audit (line text);
create function touch() returns trigger language plpgsql as 'begin new.touched := new.touched + 1; return new; end';
create function audit() returns trigger language plpgsql as
    'begin insert into audit values (tg_op); return null; end';
create function forbid() returns trigger language plpgsql as $$ begin raise exception 'notes never change'; end $$;
create trigger touches before insert or update on notes for each row execute function touch();
create trigger audits after insert or update or delete on notes for each row execute function audit();
create trigger audits_all after update on notes for each statement execute function audit();
create constraint trigger audits_late after update on notes deferrable initially deferred
    for each row execute function audit();
create trigger forbids before update on notes for each row execute function forbid();
create trigger replicated before update on notes for each row execute function touch();
create trigger always before update on notes for each row execute function touch();
create trigger disabled before update on notes for each row execute function touch();
create rule copies as on update to notes do also insert into audit values ('rule');
alter table notes enable replica trigger replicated, enable always trigger always, disable trigger disabled;
";

async fn check(sql: &str, tables: &[&str]) {
    let database = before(sql).await;
    let mut administrator = database.connect().await;
    let was = shape(&mut administrator).await;
    adopt(&database, &declared(&database, tables)).await.unwrap();
    let states = |lines: Vec<String>| -> Vec<String> {
        let is_state = |line: &String| line.starts_with("trigger") || line.starts_with("rule");
        lines.into_iter().filter(is_state).collect()
    };
    assert_eq!(states(shape(&mut administrator).await), states(was), "{sql}");
    assert!(
        texts(&mut administrator, "select line from audit").await.is_empty(),
        "{sql}"
    );
    assert_eq!(
        texts(&mut administrator, "select sum(touched)::text from notes").await,
        ["0"]
    );
    let tenants = "select distinct tenant_id from notes order by 1";
    assert_eq!(texts(&mut administrator, tenants).await, ["acme"], "{sql}");
}

#[tokio::test]
async fn a_column_that_is_added_starts_no_trigger() {
    check(TRIGGERS, &["notes"]).await;
}

#[tokio::test]
async fn a_column_that_is_filled_starts_no_trigger() {
    let sql = TRIGGERS
        .replace("default 0);", "default 0, tenant_id text);")
        .replace("insert into notes values", "insert into notes (id, body) values");
    check(&sql, &["notes"]).await;
}

#[tokio::test]
async fn a_column_that_is_filled_from_a_parent_starts_no_trigger() {
    let sql = format!(
        "create table owners (tenant_id text not null, id int primary key); insert into owners values ('acme', 7);
        {}",
        TRIGGERS
            .replace(
                "body text,",
                "body text, owner int not null default 7 references owners,"
            )
            .replace("insert into notes values", "insert into notes (id, body) values")
    );
    check(&sql, &["owners", "notes"]).await;
}

/// On a partitioned table the states of partitions are their own.
#[tokio::test]
async fn triggers_of_partitions_stay_as_they_were() {
    let sql = TRIGGERS
        .replace(
            "create table notes (id int primary key, body text, touched int not null default 0);",
            "create table notes (id int primary key, body text, touched int not null default 0, tenant_id text)
                partition by range (id);
            create table notes_one partition of notes for values from (0) to (2);
            create table notes_two partition of notes for values from (2) to (9);",
        )
        .replace("insert into notes values", "insert into notes (id, body) values")
        .replace(
            "create rule copies as on update to notes do also insert into audit values ('rule');",
            "",
        )
        .replace(
            "alter table notes enable replica",
            "alter table only notes enable replica",
        )
        + "alter table notes_two disable trigger forbids, enable always trigger touches;
        create trigger own before update on notes_one for each row execute function forbid();
        alter table notes_one enable always trigger own";
    check(&sql, &["notes"]).await;
}

/// The column refers to the tenants, and what checks that is deferred.
#[tokio::test]
async fn deferred_checks_are_not_in_the_way() {
    let database = before(
        "create table tenants (id bigint primary key); insert into tenants values (1), (2);
        create table notes (id int primary key, org_id bigint references tenants deferrable initially deferred);
        insert into notes values (1, 2), (2, null)",
    )
    .await;
    let tables = of_orgs(&database, &[("notes", "org_id")]);
    tables
        .adopt(&"1".parse().unwrap(), &mut database.connect().await)
        .await
        .unwrap();
    let rows = texts(
        &mut database.connect().await,
        "select concat(id, ' of ', org_id) from notes order by id",
    )
    .await;
    assert_eq!(rows, ["1 of 2", "2 of 1"]);
    open(&database, tables).await;
}

/// In a transaction of the caller's that has written already.
#[tokio::test]
async fn a_callers_pending_checks_are_done_first() {
    let database = before(
        "create table authors (id int primary key);
        create table books (id int primary key, author int references authors deferrable initially deferred)",
    )
    .await;
    let mut administrator = database.connect().await;
    let mut tx = administrator.begin().await.unwrap();
    run(
        &mut tx,
        "insert into books values (1, 1); insert into authors values (1)",
    )
    .await;
    let tables = declared(&database, &["authors", "books"]);
    tables.adopt(&"acme".parse().unwrap(), &mut tx).await.unwrap();
    // The caller's settings are the caller's.
    assert_eq!(texts(&mut tx, "show search_path").await, ["\"$user\", public"]);
    assert_eq!(texts(&mut tx, "show lock_timeout").await, ["0"]);
    tx.commit().await.unwrap();
    assert_eq!(texts(&mut administrator, "select tenant_id from books").await, ["acme"]);
}

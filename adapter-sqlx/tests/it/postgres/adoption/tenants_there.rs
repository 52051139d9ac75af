//! An application that has tenants already: rows get the tenant of the rows that they refer to.

use tenancy_sqlx::AdoptError;

use crate::postgres::adoption::before_and_after::{adopt, as_tenant, before, declared, of_orgs, open, texts};
use crate::postgres::support::schema_server::run;

const ORGS: &str = "
create table orgs (id bigint primary key, name text);
create table teams (id bigint primary key, org_id bigint not null references orgs, name text);
create table notes (id bigint primary key, team_id bigint not null references teams on delete cascade, body text);
create table comments (id bigint primary key, note_id bigint references notes, parent_id bigint references comments,
    constraint belongs check (note_id is not null or parent_id is not null));
insert into orgs values (1, 'one'), (2, 'two'); insert into teams values (10, 1), (20, 2);
insert into notes values (100, 10, 'of one'), (200, 20, 'of two');
insert into comments values (1, 200, null), (2, null, 1), (3, null, 2), (4, 100, null);
";

#[tokio::test]
async fn children_are_filled_from_their_parents() {
    let database = before(ORGS).await;
    let tables = [
        ("comments", "org_id"),
        ("notes", "org_id"),
        ("teams", "org_id"),
        ("orgs", "id"),
    ];
    let tables = of_orgs(&database, &tables);
    let mut administrator = database.connect().await;
    tables.adopt(&"1".parse().unwrap(), &mut administrator).await.unwrap();
    let of = |table: &str| format!("select concat(id, ' of ', org_id) from {table} order by id");
    assert_eq!(texts(&mut administrator, &of("notes")).await, ["100 of 1", "200 of 2"]);
    assert_eq!(
        texts(&mut administrator, &of("comments")).await,
        ["1 of 2", "2 of 2", "3 of 2", "4 of 1"]
    );
    let db = open(&database, tables).await;
    assert_eq!(as_tenant(&db, "2", "select body from notes").await.unwrap(), ["of two"]);
    assert_eq!(as_tenant(&db, "1", "select name from orgs").await.unwrap(), ["one"]);
}

/// The tables that refer to the tenants' own have their columns by those foreign keys.
#[tokio::test]
async fn referring_tables_have_the_column_that_refers() {
    let database = before(ORGS).await;
    let mut administrator = database.connect().await;
    let tables = of_orgs(&database, &[("orgs", "id")]);
    let tables = tables.with_referring_tables(&mut administrator).await.unwrap();
    let columns: Vec<String> = tables
        .tables()
        .iter()
        .map(|table| format!("{}.{}", table.name(), table.tenant_column()))
        .collect();
    assert_eq!(
        columns,
        [
            r#""orgs"."id""#,
            r#""teams"."org_id""#,
            r#""notes"."org_id""#,
            r#""comments"."org_id""#
        ]
    );
    tables.adopt(&"1".parse().unwrap(), &mut administrator).await.unwrap();
    open(&database, tables).await;
}

#[tokio::test]
async fn rows_without_a_parent_are_refused_by_name() {
    let database = before(&format!(
        "{ORGS} alter table notes alter column team_id drop not null; insert into notes values (300, null, 'of nobody')"
    ))
    .await;
    let mut administrator = database.connect().await;
    let tables = of_orgs(&database, &[("teams", "org_id"), ("notes", "org_id")]);
    // Comments refer to notes, and so are named too.
    run(&mut administrator, "drop table comments").await;
    match tables.adopt(&"1".parse().unwrap(), &mut administrator).await {
        Err(AdoptError::Refused { object, reason, .. }) => {
            assert_eq!(object, "public.notes");
            assert!(reason.contains("no row that has a tenant"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    let columns = "select attname::text from pg_attribute where attrelid = 'notes'::regclass and attname = 'org_id'";
    assert!(texts(&mut administrator, columns).await.is_empty());
}

/// Two parents of different tenants.
#[tokio::test]
async fn rows_of_two_tenants_are_refused_by_name() {
    let database = before(&format!(
        "{ORGS} create table links (id int primary key, one bigint not null references notes,
            other bigint not null constraint of_other references notes);
        insert into links values (1, 100, 200)"
    ))
    .await;
    let tables = [
        ("teams", "org_id"),
        ("notes", "org_id"),
        ("comments", "org_id"),
        ("links", "org_id"),
    ];
    let tables = of_orgs(&database, &tables);
    match tables.adopt(&"1".parse().unwrap(), &mut database.connect().await).await {
        Err(AdoptError::Refused { object, .. }) => assert!(object.ends_with(" on links"), "{object}"),
        other => panic!("{other:?}"),
    }
}

/// A key of two columns, whose types are compared across.
#[tokio::test]
async fn keys_of_several_columns_lead_to_the_parent() {
    let database = before(
        "create table a (tenant_id text not null, one int, \"The other\" bigint, primary key (\"The other\", one));
        insert into a values ('globex', 1, 2), ('acme', 2, 1);
        create table b (id int primary key, x int not null, y bigint not null, foreign key (x, y) references a (one, \"The other\"));
        insert into b values (1, 1, 2), (2, 2, 1)"
            .replace("foreign key (x, y) references a (one, \"The other\")", "foreign key (y, x) references a (\"The other\", one)")
            .as_str(),
    )
    .await;
    let tables = declared(&database, &["b", "a"]);
    adopt(&database, &tables).await.unwrap();
    let rows = texts(
        &mut database.connect().await,
        "select concat(id, tenant_id) from b order by id",
    )
    .await;
    assert_eq!(rows, ["1globex", "2acme"]);
}

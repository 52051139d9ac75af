//! What needs a decision is refused by name, all of it at once, and nothing is changed.

use tenancy_sqlx::{AdoptError, PgRowTables, PgTenantTable};

use crate::postgres::adoption::before_and_after::{adopt, before, declared, open, shape};
use crate::postgres::support::schema_server::run;

const TABLES: &str =
    "create table a (id int primary key, code text not null); create table b (id int primary key, a int references a);";

/// Each makes the adoption of `a` and `b` impossible; what names it, and a part of the reason.
const REFUSED: &[(&str, &str, &str)] = &[
    ("create view v as select a.*, count(*) from a group by a.id", "v", "a_pkey on public.a"),
    ("create materialized view v as select a.*, count(*) from a group by a.id", "v", "a_pkey"),
    (
        "create function f() returns bigint language sql begin atomic
            with counted as (select a.*, count(*) as n from a group by a.id) select sum(n)::bigint from counted; end",
        "f()",
        "a_pkey",
    ),
    (
        "create function f() returns void language sql begin atomic
            insert into a values (1, '') on conflict on constraint a_pkey do nothing; end",
        "f()",
        "a_pkey",
    ),
    ("create table c (x a)", "c.x", "row type"),
    ("create table c (x a[])", "c.x", "row type"),
    ("create type pair as (one a, other int); create table c (x pair[])", "c.x", "row type"),
    ("create domain rows as a; create table c (x rows)", "c.x", "row type"),
    ("create type t as (id int, code text); drop table b, a; create table a of t (primary key (id));
        create table b (id int)", "public.a", "not of"),
    ("alter table a add column tenant_id uuid", "public.a", "another type"),
    ("alter table a add column tenant_id text generated always as (code) stored", "public.a", "generated"),
    ("create table c () inherits (a)", "public.a", "inherits"),
    ("create table p (z int); alter table a add column z int; alter table a inherit p", "public.a", "inherits"),
    ("create table c (a int constraint of_a references a)", "of_a on c", "with_referring_tables"),
    ("alter table a add constraint apart exclude (code with =)", "apart on public.a", "exclusion"),
    ("alter table b add column tenant_id text, add column x text; alter table a add column tenant_id text, add unique (id, code);
        alter table b add constraint crossed foreign key (a, tenant_id) references a (id, code)", "crossed on public.b", "pair"),
    ("alter table a add column tenant_id text, add constraint incl unique (code) include (tenant_id)",
        "incl on public.a", "includes"),
    ("create publication p for table a (id, code)", "the publication p of public.a", "columns"),
    ("drop table b; create view b as select 1 as id", "public.b", "no table"),
    ("drop table b", "public.b", "no such table"),
    ("drop table b; create table b (id int, at int) partition by range (at); alter table b rename to whole;
        create table b partition of whole for values from (1) to (2)", "public.b", "declare whole"),
];

#[tokio::test]
async fn each_is_refused_by_name() {
    for (sql, named, reason) in REFUSED {
        let database = before(&format!("{TABLES} {sql}")).await;
        let mut administrator = database.connect().await;
        let was = shape(&mut administrator).await;
        match adopt(&database, &declared(&database, &["a", "b"])).await {
            Err(AdoptError::Refused {
                object,
                reason: given,
                others,
            }) => {
                assert_eq!(object, *named, "{sql}: {given}");
                assert!(given.contains(reason), "{sql}: {given}");
                assert!(others.is_empty(), "{sql}: {others:?}");
            }
            other => panic!("{sql}: {other:?}"),
        }
        assert_eq!(shape(&mut administrator).await, was, "{sql}");
    }
}

/// A view cannot be dropped while others depend on it, so these are named, too, each with what it depends on.
#[tokio::test]
async fn what_depends_on_a_refused_view_is_named() {
    let views = [
        "create view v as select a.*, count(*) as n, 'and' as \"group\" from a group by a.id",
        "create view w as select * from v",
        "create materialized view m as select n, a.code from w as a; create unique index on m (n)",
        "create function f() returns bigint language sql begin atomic select sum(n)::bigint from w; end",
        "create function g(one v) returns int language sql as 'select 1'",
        "create table log (line int default f())",
    ];
    let database = before(&format!("{TABLES} {}", views.join("; "))).await;
    let tables = declared(&database, &["a", "b"]);
    let refused = adopt(&database, &tables).await.unwrap_err().to_string();
    for named in [
        "v: it depends on the key a_pkey on public.a: ",
        "w: it depends on v: ",
        "m: it depends on w: ",
        "f(): it depends on w: ",
        "g(v): it depends on v: ",
        "default value for column line of table log: it depends on f(): ",
    ] {
        assert!(refused.contains(named), "{named} is not in {refused}");
    }
    assert_eq!(refused.lines().count(), 6, "{refused}");
    // What the refusal says is enough.
    let mut administrator = database.connect().await;
    let drops =
        "drop table log; drop function f(); drop function g(v); drop materialized view m; drop view w; drop view v";
    run(&mut administrator, drops).await;
    adopt(&database, &tables).await.unwrap();
    let again = views.join("; ").replace("group by a.id", "group by a.id, a.tenant_id");
    run(&mut administrator, again).await;
}

/// A view that depends on several keys says so once.
#[tokio::test]
async fn several_keys_of_a_view_are_named_together() {
    let view = "create view v as select a.code, b.a from a, b group by a.id, b.id";
    let database = before(&format!("{TABLES} {view}")).await;
    let refused = adopt(&database, &declared(&database, &["a", "b"])).await.unwrap_err();
    let expected =
        "failed to adopt v: it depends on the key a_pkey on public.a and the key b_pkey on public.b: drop it";
    assert!(refused.to_string().starts_with(expected), "{refused}");
}

#[tokio::test]
async fn all_are_refused_at_once() {
    let columns: String = (1..=32).map(|number| format!("c{number} int, ")).collect();
    let names: Vec<String> = (1..=32).map(|number| format!("c{number}")).collect();
    let sql = format!(
        "{TABLES} alter table a add column tenant_id bigint; create table c (a int references a, b int references b);
        create table wide ({columns} constraint of_all unique ({}));
        create view v as select b.*, count(*) from b group by b.id",
        names.join(", ")
    );
    let database = before(&sql).await;
    let tables = declared(&database, &["a", "b", "wide", "_sqlx_migrations", "absent"]);
    let error = adopt(&database, &tables).await.unwrap_err();
    let told = error.to_string();
    for named in [
        "public.a: its column tenant_id is of another type",
        "c_a_fkey on c: ",
        "c_b_fkey on c: ",
        "of_all on public.wide: it has 32 columns",
        "v: it depends on the key b_pkey on public.b",
        "public._sqlx_migrations: there is no such table",
        "public.absent: there is no such table",
    ] {
        assert!(told.contains(named), "{named} is not in {told}");
    }
    assert_eq!(told.lines().count(), 7, "{told}");
    assert!(told.starts_with("failed to adopt public.a: "));
}

#[tokio::test]
async fn tables_of_migration_tools_are_refused() {
    for name in [
        "_sqlx_migrations",
        "__diesel_schema_migrations",
        "refinery_schema_history",
        "flyway_schema_history",
        "DATABASECHANGELOG",
        "alembic_version",
        "django_migrations",
        "schema_migrations",
        "_prisma_migrations",
        "seaql_migrations",
        "knex_migrations_lock",
        "goose_db_version",
        "tenancy_members",
    ] {
        let database = before(&format!("create table \"{name}\" (id int primary key)")).await;
        let refused = adopt(&database, &declared(&database, &[name])).await;
        assert!(
            matches!(&refused, Err(error) if error.to_string().contains(name)),
            "{name}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn an_invalid_index_is_refused() {
    let database =
        before("create table a (id int primary key, code text); insert into a values (1, 'x'), (2, 'x')").await;
    let mut administrator = database.connect().await;
    let failed = sqlx::raw_sql("create unique index concurrently codes on a (code)").execute(&mut administrator);
    assert!(failed.await.is_err());
    let refused = adopt(&database, &declared(&database, &["a"]))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("codes on public.a: the index is invalid"), "{refused}");
    run(&mut administrator, "drop index codes").await;
    adopt(&database, &declared(&database, &["a"])).await.unwrap();
}

/// A trigger of a foreign key is the server's, so that only a superuser may disable it.
#[tokio::test]
async fn a_disabled_foreign_key_is_refused() {
    let database = before(TABLES).await;
    run(&mut database.superuser().await, "alter table b disable trigger all").await;
    let refused = adopt(&database, &declared(&database, &["a", "b"]))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("b_a_fkey on public.b: its trigger is disabled"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_table_of_another_owner_is_refused() {
    let database = before(TABLES).await;
    // An owner cannot give a table away to a role that is not theirs.
    run(&mut database.superuser().await, "create table c (id int)").await;
    let refused = adopt(&database, &declared(&database, &["a", "b", "c"]))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("public.c: it belongs to the role postgres"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_table_that_is_declared_twice_is_refused() {
    let database = before(TABLES).await;
    let refused = adopt(&database, &declared(&database, &["a", "b", "a"]))
        .await
        .unwrap_err();
    assert_eq!(refused.to_string(), "failed to adopt public.a: it is declared twice");
}

#[tokio::test]
async fn rows_that_are_in_the_way_are_named() {
    let database = before(
        "create table a (tenant_id text not null, id int primary key); insert into a values ('acme', 1), ('globex', 2);
        create table b (tenant_id text not null, id int primary key, a int constraint of_a references a);
        insert into b values ('acme', 1, 2)",
    )
    .await;
    match adopt(&database, &declared(&database, &["a", "b"])).await {
        Err(AdoptError::Refused { object, reason, .. }) => {
            assert_eq!(object, "of_a on b");
            assert!(reason.contains("another"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

/// Through a table in between, in another schema, and from a partition.
#[tokio::test]
async fn tables_that_refer_to_declared_ones_are_taken_in() {
    let database = before(
        "create schema more; create table a (id int primary key);
        create table more.b (id int primary key, a int references a);
        create table c (id int primary key, b int references more.b, self int references c);
        create table d (id int, b int) partition by range (id);
        create table d_one partition of d (foreign key (b) references more.b) for values from (1) to (2);
        create table alone (id int primary key); alter table a add column other int references alone",
    )
    .await;
    let mut administrator = database.connect().await;
    let taken =
        |tables: &PgRowTables| -> Vec<String> { tables.tables().iter().map(PgTenantTable::to_string).collect() };
    let tables = declared(&database, &["a"]);
    let tables = tables.with_referring_tables(&mut administrator).await.unwrap();
    assert_eq!(
        taken(&tables),
        [r#""public"."a""#, r#""more"."b""#, r#""public"."c""#, r#""public"."d""#]
    );
    adopt(&database, &tables).await.unwrap();
    // The same tables, when the database is opened.
    let again = declared(&database, &["a"]);
    let again = again.with_referring_tables(&mut administrator).await.unwrap();
    assert_eq!(taken(&again), taken(&tables));
    open(&database, again).await;
}

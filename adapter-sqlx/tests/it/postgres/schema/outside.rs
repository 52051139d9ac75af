//! Migrations of a tenant's schema that reach beyond it.

use tenancy_sqlx::{PgSchemaBuilder, ProvisionError, StrategyError};

use crate::postgres::support::schema_server::{
    NOTES, begin_error, member, notes_of, open, options, provision_with_note, run, versions,
};
use crate::postgres::support::server::{TestDatabase, migrations};

/// What is there before: the schema `shop` of another service, and `extensions`, which tenants share.
const BEFORE: &str = "create schema shop; create table shop.items (id int primary key, name text default 'new');
    create table shop.\"Old \"\"items\" (id int); create view shop.names as select name from shop.items;
    create function shop.price() returns int language sql as 'select 1'; create type shop.colour as enum ('red');
    create sequence shop.numbers; create domain shop.short as text;
    create schema empty; create schema extensions; create table extensions.countries (code text primary key);
    create type extensions.size as enum ('s')";

/// A migration, and what is said of it.
const REFUSED: &[(&str, &[&str])] = &[
    ("create table shop.orders (id int)", &["table shop.orders"]),
    (
        "create table public.orders (id serial primary key)",
        &[
            "index public.orders_pkey",
            "sequence public.orders_id_seq",
            "table public.orders",
        ],
    ),
    (
        "create table if not exists shop.items (id int)",
        &["a relation in the schema shop that was there already"],
    ),
    (
        "create table if not exists shop.items (id int); create table if not exists shop.more (id int)",
        &["table shop.more"],
    ),
    (
        "create view if_any as select 1; create or replace view shop.names as select name from shop.items",
        &["view shop.names"],
    ),
    (
        "create index on shop.items (name)",
        &["index shop.items_name_idx", "table shop.items"],
    ),
    ("alter table shop.items add column price int", &["table shop.items"]),
    (
        "alter table shop.items alter column name set default 'x'",
        &["table shop.items"],
    ),
    ("alter table shop.items set (fillfactor = 50)", &["table shop.items"]),
    (
        "alter table shop.items enable row level security",
        &["table shop.items"],
    ),
    ("drop table shop.\"Old \"\"items\"", &["table shop.\"Old \"\"items\""]),
    ("drop schema empty", &["schema empty"]),
    ("drop function shop.price()", &["function shop.price"]),
    ("drop type shop.colour", &["type shop.colour"]),
    ("drop domain shop.short", &["type shop.short"]),
    ("drop sequence if exists shop.numbers", &["sequence shop.numbers"]),
    (
        "do $$ begin execute format('alter table shop.\"Old \"\"items\" set schema %I', current_schema()); end $$",
        &["table shop.\"Old \"\"items\""],
    ),
    ("comment on table shop.items is 'mine'", &["table shop.items"]),
    ("comment on function shop.price() is 'mine'", &["function shop.price()"]),
    ("alter schema shop rename to mine", &["schema mine"]),
    ("alter function shop.price() rename to cost", &["function shop.cost()"]),
    ("alter view shop.names rename to titles", &["view shop.titles"]),
    ("alter default privileges grant select on tables to public", &[]),
    ("create table shop.copied as select 1 as one", &["table shop.copied"]),
    ("select 1 as one into shop.copied", &["table shop.copied"]),
    (
        "create materialized view shop.copied as select 1 as one",
        &["materialized view shop.copied"],
    ),
    (
        "create rule nothing as on delete to shop.items do instead nothing",
        &["table shop.items"],
    ),
    ("alter sequence shop.numbers restart with 7", &["sequence shop.numbers"]),
    (
        "update shop.items set name = 'x'",
        &["index shop.items_pkey", "table shop.items"],
    ),
    (
        "merge into shop.items i using (values (1)) v(id) on i.id = v.id when not matched then insert values (1)",
        &["index shop.items_pkey", "table shop.items"],
    ),
    (
        "grant execute on function shop.price() to public",
        &["function shop.price()"],
    ),
    (
        "create aggregate shop.total(int) (sfunc = int4pl, stype = int)",
        &["aggregate shop.total(integer)"],
    ),
    (
        "create operator shop.=== (leftarg = int, rightarg = int, function = int4eq)",
        &["operator shop.===(integer,integer)"],
    ),
    ("create collation shop.plain from \"C\"", &["collation shop.plain"]),
    ("create statistics shop.both on id, name from shop.items", &[]),
    (
        "drop view shop.names; drop table shop.items",
        &["index shop.items_pkey", "table shop.items", "view shop.names"],
    ),
    ("truncate shop.items", &["index shop.items_pkey", "table shop.items"]),
    ("insert into shop.items values (1)", &["table shop.items"]),
    ("select nextval('shop.numbers')", &["sequence shop.numbers"]),
    (
        "create function shop.tax() returns int language sql as 'select 1'",
        &["function shop.tax()"],
    ),
    (
        "create or replace function shop.price() returns int language sql as 'select 2'",
        &["function shop.price()"],
    ),
    ("alter type shop.colour add value 'blue'", &[]),
    ("create type shop.pair as (a int)", &["composite type shop.pair"]),
    (
        "alter domain shop.short add constraint few check (length(value) < 9)",
        &["domain constraint few on shop.short"],
    ),
    ("create schema other", &["schema other"]),
    ("grant usage on schema shop to public", &["schema shop"]),
    ("grant select on shop.items to public", &["table shop.items"]),
    ("create extension citext", &["extension citext"]),
    ("create extension citext schema shop", &[]),
    ("create publication p", &["publication p"]),
    (
        "create function mine() returns trigger language plpgsql as 'begin return new; end';
        create trigger mine before insert on shop.items for each row execute function mine()",
        &["table shop.items"],
    ),
    // Behind a foreign key, which locks the other table by itself.
    (
        "create table parts (item int references shop.items); alter table shop.items add column price int",
        &["table shop.items"],
    ),
    (
        "create table parts (item int references shop.items); create policy p on shop.items using (true)",
        &["policy p on shop.items"],
    ),
    // When the transaction would end.
    (
        "create function sells() returns trigger language plpgsql as $$ begin
            insert into shop.items values (new.id); return null; end $$;
        create constraint trigger sells after insert on notes deferrable initially deferred
            for each row execute function sells();
        insert into notes (name) values ('sold')",
        &["table shop.items"],
    ),
    // Under names of the catalog's own.
    (
        "create table pg_locks (pid int); create function age(xid) returns int language sql as 'select 0';
        create function pg_backend_pid() returns int language sql as 'select 0'; create table shop.orders (id int)",
        &["table shop.orders"],
    ),
    // In savepoints of its own.
    (
        "do $$ begin begin create table shop.orders (id int); exception when others then null; end; end $$",
        &["table shop.orders"],
    ),
    // A table in a shared schema is every tenant's.
    ("create table extensions.orders (id int)", &["table extensions.orders"]),
    (
        "create table if not exists extensions.countries (code text)",
        &["a relation in the schema extensions that was there already"],
    ),
    (
        "alter table extensions.countries add column name text",
        &["table extensions.countries"],
    ),
    (
        "create view extensions.mine as select 1 as one",
        &["view extensions.mine"],
    ),
    ("create table if not exists extensions.countries (code text)", &[]),
    ("create sequence if not exists shop.numbers", &[]),
    ("select lo_create(4711)", &["large object 4711"]),
    (
        "create function of_int(int) returns shop.colour language sql as $$ select 'red'::shop.colour $$;
        create cast (int as shop.colour) with function of_int(int)",
        &["cast (integer AS shop.colour)"],
    ),
    // What belongs to the server.
    (
        "alter role current_user set statement_timeout = '7s'",
        &["a setting of a role or of the database"],
    ),
    (
        "do $$ begin execute format('comment on database %I is ''mine''', current_database()); end $$",
        &["a comment on a role or a database"],
    ),
    (
        "do $$ begin execute format('alter database %I connection limit 7', current_database()); end $$",
        &["database"],
    ),
    (
        "do $$ begin execute format('grant create on database %I to public', current_database()); end $$",
        &["database"],
    ),
];

/// What a migration may do.
const ALLOWED: &[&str] = &[
    "create table parts (item int references shop.items, country text references extensions.countries);
    create index on parts (item); insert into extensions.countries values ('de') on conflict do nothing; insert into parts values (null, 'de');
    create temporary table passing (id int) on commit drop; insert into passing select id from shop.items;
    create view of_shop as select name from shop.items; create table priced (p int default shop.price(), s extensions.size);
    create sequence numbers; create type pair as (a int); create domain short as text;
    create function one() returns int language sql as 'select 1'; create table if not exists parts (id int);
    do $$ begin create table twice (id int); create table twice (id int); exception when duplicate_table then null; end $$",
    "create extension if not exists citext schema extensions; create extension if not exists hstore schema extensions;
    create table people (email citext, bag hstore)",
    "create table passing (id int); drop table passing; create function f() returns int language sql as 'select 1';
    drop function f()",
    "do $$ begin create type extensions.colour as enum ('red'); exception when duplicate_object then null; end $$;
    create table cars (colour colour)",
];

fn with(database: &TestDatabase, sql: &'static str) -> PgSchemaBuilder {
    let options = options(database).with_migrations(migrations(&[NOTES, sql]));
    options.with_extension_schema("extensions").unwrap()
}

async fn database() -> TestDatabase {
    let database = TestDatabase::new().await;
    run(&mut database.connect().await, BEFORE).await;
    database
}

#[tokio::test]
async fn what_appears_outside_is_refused_by_name() {
    let database = database().await;
    let (db, _) = open(options(&database)).await;
    let mut failed = Vec::new();
    for (sql, expected) in REFUSED {
        // A tenant who is new, and one who was there before.
        provision_with_note(&db, "globex").await;
        let (later, strategy) = open(with(&database, sql)).await;
        for id in ["acme", "globex"] {
            let error = match later.provision(member(id).tenant()).await {
                Err(ProvisionError::Strategy { source, .. }) => source,
                other => {
                    failed.push(format!("{sql}: {other:?}"));
                    continue;
                }
            };
            let text = error.to_string();
            let StrategyError::ChangedOutside { schema, objects } = error else {
                failed.push(format!("{sql}: {error:?}"));
                continue;
            };
            let expected: Vec<&str> = expected.to_vec();
            let is_expected =
                objects == expected || matches!(*expected, ["database"]) && objects[0].starts_with("database ");
            if !expected.is_empty() && !is_expected {
                failed.push(format!("{sql}: {objects:?}"));
            }
            assert_eq!(schema.as_str(), format!("tenant_{id}"));
            assert!(objects.iter().all(|object| text.contains(object)), "{text}");
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
        // The migration before is in. A tenant who is new is not served, the other one is.
        let unprovisioned = begin_error(&later, "acme").await;
        assert!(
            matches!(unprovisioned, StrategyError::NotProvisioned { .. }),
            "{sql}: {unprovisioned:?}"
        );
        assert_eq!(notes_of(&later, "globex").await, ["of globex"], "{sql}");
        for id in ["acme", "globex"] {
            assert_eq!(versions(&database, id).await, [1], "{sql}");
            strategy.dangerously_drop_schema(&id.parse().unwrap()).await.unwrap();
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test]
async fn what_stays_in_the_schema_is_allowed() {
    for sql in ALLOWED {
        let database = database().await;
        let (db, _) = open(with(&database, sql)).await;
        for id in ["acme", "globex", "acme"] {
            let made = db.provision(member(id).tenant()).await;
            assert!(made.is_ok(), "{sql}: {made:?}");
        }
        // A key that goes locks the table that it referred to.
        let goes = "alter table parts drop constraint parts_item_fkey; drop table parts cascade";
        if sql.contains("table parts (item") {
            let all = migrations(&[NOTES, sql, goes]);
            let (db, _) = open(with(&database, sql).with_migrations(all)).await;
            db.provision(member("acme").tenant()).await.unwrap();
        }
    }
}

/// Others make and drop things while the migrations run, with transactions that are younger.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_do_meanwhile_is_not_taken_for_the_migrations() {
    let database = database().await;
    let waits = "create table slow (id int); select pg_advisory_xact_lock(4711)";
    let (db, strategy) = open(with(&database, waits)).await;
    let mut other = database.connect().await;
    db.provision(member("gone").tenant()).await.unwrap();
    run(&mut other, "select pg_advisory_lock(4711)").await;
    let acme = member("acme");
    let meanwhile = async {
        let waiting = "select exists (select from pg_locks where locktype = 'advisory' and not granted)";
        while !sqlx::query_scalar::<_, bool>(waiting)
            .fetch_one(&mut other)
            .await
            .unwrap()
        {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let sql = "create table shop.others (id int); drop table shop.\"Old \"\"items\"; create schema others;
            grant select on shop.items to public; drop function shop.price();
            create function shop.others() returns int language sql as 'select 1'";
        run(&mut other, sql).await;
        strategy
            .dangerously_drop_schema(&"gone".parse().unwrap())
            .await
            .unwrap();
        run(&mut other, "select pg_advisory_unlock(4711)").await;
    };
    let (made, ()) = tokio::join!(db.provision(acme.tenant()), meanwhile);
    made.unwrap();
}

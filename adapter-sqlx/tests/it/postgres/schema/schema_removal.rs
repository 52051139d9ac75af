//! A tenant's schema goes alone: what else would go with it is refused by name.

use std::time::{Duration, Instant};

use sqlx::PgConnection;
use tenancy_sqlx::{PgSchemaStrategy, StrategyError};

use crate::postgres::support::schema_server::{notes_of, open, options, provision_with_note, run, schemas};
use crate::postgres::support::server::TestDatabase;

/// What depends on the schema of `acme` from outside, and what is said of it, in the order of their names.
const DEPENDENTS: &[(&str, &[&str])] = &[
    (
        "create schema reports; create view reports.notes as select * from tenant_acme.notes",
        &["view reports.notes"],
    ),
    (
        "create schema \"Odd \"\"reports\"; create view \"Odd \"\"reports\".\"All\" as select * from tenant_acme.notes;
        create view reports as select * from \"Odd \"\"reports\".\"All\";
        create materialized view kept as select body from tenant_acme.notes; create index on kept (body);
        create function counted() returns bigint begin atomic select count(*) from tenant_acme.notes; end;
        create statistics looked_at on id, body from tenant_acme.notes;
        create table child () inherits (tenant_acme.notes);
        create table tenant_acme.logs (at int) partition by range (at);
        create table logs_1 partition of tenant_acme.logs for values from (1) to (2);
        create table tags (note bigint constraint of_a_note references tenant_acme.notes);
        create table tenant_globex.tags (note bigint constraint of_a_note references tenant_acme.notes)",
        &[
            "function public.counted()",
            "materialized view public.kept",
            "statistics object public.looked_at",
            "table constraint of_a_note on public.tags",
            "table constraint of_a_note on tenant_globex.tags",
            "table public.child",
            "table public.logs_1",
            "view \"Odd \"\"reports\".\"All\"",
            "view public.reports",
        ],
    ),
    (
        "create type tenant_acme.colour as enum ('red'); create table cars (id int, colour tenant_acme.colour, x int);
        create index on cars (colour); create view coloured as select colour from cars;
        create domain tenant_acme.short as text; create domain shorter as tenant_acme.short;
        create table kept (note tenant_acme.notes, notes tenant_acme.notes[]);
        create function first(note tenant_acme.notes) returns text language sql as 'select (note).body';
        create extension citext schema tenant_acme; create table people (email tenant_acme.citext);
        create sequence tenant_acme.numbers; create table orders (id bigint default nextval('tenant_acme.numbers'))",
        &[
            "default value for public.orders.id",
            "function public.first(tenant_acme.notes)",
            "table column public.cars.colour",
            "table column public.kept.note",
            "table column public.kept.notes",
            "table column public.people.email",
            "type public.shorter",
            "view public.coloured",
        ],
    ),
    (
        "create function tenant_acme.stamp() returns trigger language plpgsql as 'begin return new; end';
        create table stamped (id int); create trigger stamp before insert on stamped
            for each row execute function tenant_acme.stamp();
        create function tenant_acme.may() returns boolean language sql immutable as 'select true';
        create table guarded (id int constraint may check (tenant_acme.may()));
        create policy may on guarded using (tenant_acme.may());
        create rule may as on delete to guarded do also select tenant_acme.may();
        create index at_may on guarded ((tenant_acme.may()));
        create function tenant_acme.same(int, text) returns boolean language sql as 'select true';
        create operator === (leftarg = int, rightarg = text, function = tenant_acme.same);
        create type plain as (a int);
        create function tenant_acme.of_plain(plain) returns text language sql as 'select $1::text';
        create cast (plain as text) with function tenant_acme.of_plain(plain)",
        &[
            "cast (public.plain AS pg_catalog.text)",
            "index public.at_may",
            "operator public.===(integer,pg_catalog.text)",
            "policy may on public.guarded",
            "rule may on public.guarded",
            "table constraint may on public.guarded",
            "trigger stamp on public.stamped",
        ],
    ),
];

/// What goes with the schema, as a part of it or of nobody.
const PARTS: &[&str] = &[
    "create view tenant_acme.titles as select name from tenant_acme.notes; create index on tenant_acme.notes (body);
    create materialized view tenant_acme.bodies as select body from tenant_acme.notes;
    create type tenant_acme.colour as enum ('red'); create domain tenant_acme.short as text check (length(value) < 9);
    create table tenant_acme.tags (note bigint references tenant_acme.notes, colour tenant_acme.colour default 'red',
        long text, short tenant_acme.short, whole tenant_acme.notes);
    create statistics tenant_acme.looked_at on note, colour from tenant_acme.tags;
    create function tenant_acme.counted() returns bigint begin atomic select count(*) from tenant_acme.titles; end;
    create function tenant_acme.stamp() returns trigger language plpgsql as 'begin return new; end';
    create trigger stamp before insert on tenant_acme.tags for each row execute function tenant_acme.stamp();
    create policy all_of_them on tenant_acme.tags using (tenant_acme.counted() > 0);
    create rule nothing as on delete to tenant_acme.tags do also select 1",
    "create table tenant_acme.logs (at int primary key, of bigint references tenant_acme.notes) partition by range (at);
    create table tenant_acme.logs_1 partition of tenant_acme.logs for values from (1) to (2);
    create index on tenant_acme.logs (of); create table tenant_acme.child () inherits (tenant_acme.notes)",
    "create table countries (code text primary key); insert into countries values ('de');
    create table tenant_acme.addresses (country text references countries)",
    "create publication changes for table tenant_acme.notes, tenant_globex.notes",
    "create extension hstore schema tenant_acme; create table tenant_acme.bags (bag tenant_acme.hstore)",
    "create table tenant_acme.\"Odd \"\"one\" (id serial); create type tenant_acme.pair as (a int, b text);
    create function tenant_acme.of_pair(tenant_acme.pair) returns text language sql as 'select $1.b';
    create cast (tenant_acme.pair as text) with function tenant_acme.of_pair(tenant_acme.pair);
    create aggregate tenant_acme.total(int) (sfunc = int4pl, stype = int)",
];

/// The objects outside of the schema of `acme`, each with its columns, and their number of rows of note.
async fn outside(connection: &mut PgConnection) -> Vec<String> {
    let sql = "select format('%s %s %s', o.type, o.identity, d.deptype) from pg_depend d
        cross join lateral pg_identify_object(d.classid, d.objid, d.objsubid) o
        where o.schema is not null and o.schema <> 'tenant_acme' and o.schema !~ '^pg_' order by 1";
    sqlx::query_scalar(sql).fetch_all(connection).await.unwrap()
}

/// The objects for which the removal of acme's schema is refused.
async fn refused_for(strategy: &PgSchemaStrategy) -> Vec<String> {
    let error = strategy
        .dangerously_drop_schema(&"acme".parse().unwrap())
        .await
        .unwrap_err();
    let StrategyError::WouldRemoveMore { objects, .. } = error else {
        panic!("{error:?}")
    };
    objects
}

#[tokio::test]
async fn dependents_outside_of_the_schema_are_refused_by_name() {
    let mut failed = Vec::new();
    for (sql, expected) in DEPENDENTS {
        let database = TestDatabase::new().await;
        let (db, strategy) = open(options(&database)).await;
        for id in ["acme", "globex"] {
            provision_with_note(&db, id).await;
        }
        let mut administrator = database.connect().await;
        run(&mut administrator, *sql).await;
        let before = outside(&mut administrator).await;
        let removed = strategy.dangerously_drop_schema(&"acme".parse().unwrap()).await;
        let Err(error @ StrategyError::WouldRemoveMore { .. }) = removed else {
            panic!("{sql}: {removed:?}")
        };
        let text = error.to_string();
        let StrategyError::WouldRemoveMore { tenant, objects } = error else {
            unreachable!()
        };
        assert_eq!(tenant.as_str(), "acme");
        if objects != *expected {
            failed.push(format!("{sql}: {objects:?}"));
        }
        assert!(
            !objects.is_empty() && objects.iter().all(|object| text.contains(object)),
            "{sql}: {text}"
        );
        assert_eq!(outside(&mut administrator).await, before, "{sql}");
        assert_eq!(notes_of(&db, "acme").await, ["of acme"], "{sql}");
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test]
async fn parts_of_the_schema_go_and_nothing_else() {
    for sql in PARTS {
        let database = TestDatabase::new().await;
        let (db, strategy) = open(options(&database)).await;
        for id in ["acme", "globex"] {
            provision_with_note(&db, id).await;
        }
        let mut administrator = database.connect().await;
        let before = outside(&mut administrator).await;
        run(&mut administrator, *sql).await;
        let removed = strategy.dangerously_drop_schema(&"acme".parse().unwrap()).await;
        assert!(removed.is_ok(), "{sql}: {removed:?}");
        assert_eq!(schemas(&database).await, ["tenant_globex"], "{sql}");
        assert_eq!(notes_of(&db, "globex").await, ["of globex"], "{sql}");
        let after = outside(&mut administrator).await;
        assert!(
            before.iter().all(|object| after.contains(object)),
            "{sql}: {before:?} {after:?}"
        );
        // Doing it again changes nothing.
        strategy
            .dangerously_drop_schema(&"acme".parse().unwrap())
            .await
            .unwrap();
    }
}

/// An extension is one for the whole database: another may need it.
#[tokio::test]
async fn an_extension_that_another_needs_stays() {
    let database = TestDatabase::new().await;
    let (db, strategy) = open(options(&database)).await;
    provision_with_note(&db, "acme").await;
    // Only a superuser may install the second one.
    let sql = "create extension cube schema tenant_acme; create extension earthdistance schema public";
    run(&mut database.superuser().await, sql).await;
    let objects = refused_for(&strategy).await;
    assert!(objects.contains(&"extension earthdistance".to_owned()), "{objects:?}");
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
}

/// PostgreSQL lets the owner of a schema drop what others own in it.
#[tokio::test]
async fn what_another_role_owns_in_the_schema_is_named() {
    let database = TestDatabase::new().await;
    let (db, strategy) = open(options(&database)).await;
    provision_with_note(&db, "acme").await;
    // Gives objects to another role.
    let mut superuser = database.superuser().await;
    let app = database.application_role();
    let sql = format!(
        "create table tenant_acme.report (id serial); alter table tenant_acme.report owner to {app};
        create function tenant_acme.theirs() returns int language sql as 'select 1';
        alter function tenant_acme.theirs() owner to {app}"
    );
    run(&mut superuser, sql).await;
    let objects = refused_for(&strategy).await;
    let expected = [
        format!("function tenant_acme.theirs() of the role {app}"),
        format!("sequence tenant_acme.report_id_seq of the role {app}"),
        format!("table tenant_acme.report of the role {app}"),
    ];
    assert_eq!(objects, expected);
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
    run(&mut superuser, format!("drop owned by {app}")).await;
}

/// One that waits for a provisioning, or another removal, sees what that made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removals_and_provisionings_of_one_tenant_take_turns() {
    let database = TestDatabase::new().await;
    let (db, strategy) = open(options(&database)).await;
    let record = crate::postgres::support::schema_server::member("acme");
    let id = "acme".parse().unwrap();
    for _ in 0..5 {
        let (made, first, second) = tokio::join!(
            db.provision(record.tenant()),
            strategy.dangerously_drop_schema(&id),
            strategy.dangerously_drop_schema(&id)
        );
        made.unwrap();
        first.unwrap();
        second.unwrap();
    }
    strategy.dangerously_drop_schema(&id).await.unwrap();
    assert_eq!(schemas(&database).await, [""; 0]);
    provision_with_note(&db, "acme").await;
}

/// As long as another process provisions the schema, which holds this lock, nothing of it is removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_waits_for_a_provisioning() {
    let database = TestDatabase::new().await;
    let (db, strategy) = open(options(&database)).await;
    provision_with_note(&db, "acme").await;
    let mut other = database.connect().await;
    run(
        &mut other,
        "select pg_advisory_lock(hashtextextended('tenant_acme', 0))",
    )
    .await;
    let removing = {
        let strategy = strategy.clone();
        tokio::spawn(async move { strategy.dangerously_drop_schema(&"acme".parse().unwrap()).await })
    };
    // It tries again and again: a statement that waits would hold a snapshot.
    let waiting = "select exists (select from pg_stat_activity where datname = current_database()
        and pid <> pg_backend_pid() and query ~ '^begin .*; select pg_catalog.pg_try_advisory_lock')";
    let started = Instant::now();
    while !sqlx::query_scalar::<_, bool>(waiting)
        .fetch_one(&mut other)
        .await
        .unwrap()
    {
        assert!(started.elapsed() < Duration::from_secs(20), "the removal does not wait");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!removing.is_finished());
    assert_eq!(schemas(&database).await, ["tenant_acme"]);
    run(&mut other, "select pg_advisory_unlock_all()").await;
    removing.await.unwrap().unwrap();
    assert_eq!(schemas(&database).await, [""; 0]);
}

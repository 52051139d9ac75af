//! Shapes of databases that are rarer than those of the other tests, for all that judges, mends, opens and removes.

use sqlx::PgConnection;
use tenancy_sqlx::{PgFault, PgRowTables, PgTenantColumn, PgTenantTable};

use crate::postgres::support::removal_server::{declared, open, remove, rows, seed_both};
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::TestDatabase;
use crate::postgres::verify::verify::{guarded, schema, verify};
use crate::postgres::verify::verify_faults::Planted;
use crate::postgres::verify::verify_planted::check_each;

/// A trigger's function that shows the application a row of the other tenant.
macro_rules! tells {
    ($then:literal) => {
        concat!(
            "create function tell() returns trigger language plpgsql security definer as $$ begin
                perform set_config('probe.seen', (select body from public.notes where tenant_id = 'globex'), true);
                return null; end $$; ",
            $then
        )
    };
}

const PLANTED: &[Planted] = &[
    // A function of an aggregate is executed by the right of the aggregate's owner.
    Planted {
        fault: "create function step(text, text) returns text language sql security definer
                as 'select body from public.notes where tenant_id = ''globex''';
            revoke execute on function step(text, text) from public;
            create aggregate total(text) (sfunc = step, stype = text)",
        found: &[(PgFault::FunctionAsOwner, "public.step(text,text)")],
        leak: Some("select total('x')"),
    },
    // The application writes the outer log only, and a role that sees no tenant writes the inner one.
    Planted {
        fault: tells!(
            "create role APP_middle; grant create on schema public to APP_middle;
            create table outer_log (id int); create table inner_log (id int);
            grant insert on inner_log to APP_middle; grant insert on outer_log to APP;
            create trigger tells after insert on inner_log for each row execute function tell();
            create function pass() returns trigger language plpgsql security definer as
                $$ begin insert into public.inner_log values (1); return null; end $$;
            alter function pass() owner to APP_middle;
            create trigger passes after insert on outer_log for each row execute function pass()"
        ),
        found: &[(PgFault::TriggerAsOwner, "tells on public.inner_log")],
        leak: Some("insert into outer_log values (1); select current_setting('probe.seen', true)"),
    },
    Planted {
        fault: tells!(
            "create role APP_middle; grant create on schema public to APP_middle; create table inner_log (id int);
            grant select, insert on inner_log to APP_middle;
            create trigger tells after insert on inner_log for each statement execute function tell();
            create function pass() returns int language sql security definer as
                'insert into public.inner_log values (1) returning 1';
            alter function pass() owner to APP_middle"
        ),
        found: &[(PgFault::TriggerAsOwner, "tells on public.inner_log")],
        leak: Some("select pass(); select current_setting('probe.seen', true)"),
    },
    Planted {
        fault: "create sequence numbers; create function next_number() returns bigint language sql
                begin atomic select nextval('numbers'); end;
            create function one_more() returns bigint language sql begin atomic select 1 + next_number(); end;
            alter table tags add column number bigint default one_more()",
        found: &[(PgFault::GrantMissing, "public.numbers for USAGE")],
        leak: None,
    },
    Planted {
        fault: "create schema \"D 1\"; create table \"D 1\".\"P\" partition of bookings for values from (2030) to (2040)
                partition by range (day);
            create table \"D 1\".\"Q x\" partition of \"D 1\".\"P\" for values from (2030) to (2035) partition by list (day);
            create table \"D 1\".\"R\" partition of \"D 1\".\"Q x\" for values in (2031);
            alter table \"D 1\".\"Q x\" add constraint deep unique (day, email) with (fillfactor = 70);
            alter table \"D 1\".\"R\" add constraint deeper unique (email) include (body) deferrable initially deferred",
        found: &[
            (PgFault::KeyWithoutTenant, "deep on \"D 1\".\"Q x\""),
            (PgFault::KeyWithoutTenant, "deeper on \"D 1\".\"R\""),
        ],
        leak: None,
    },
    Planted {
        fault: "create materialized view bodies as select * from notes;
            create view shown with (security_invoker) as select * from bodies; grant select on bodies, shown to public",
        found: &[(PgFault::MaterializedView, "public.bodies")],
        leak: Some("select body from shown"),
    },
];

#[tokio::test]
async fn what_is_reached_by_several_steps_is_found() {
    check_each(PLANTED).await;
}

/// All of a key as text.
async fn key(connection: &mut PgConnection, name: &str) -> String {
    let sql = "select concat_ws(' | ', pg_get_indexdef(i.indexrelid), i.indisreplident, i.indisclustered,
            pg_get_constraintdef(k.oid), obj_description(i.indexrelid, 'pg_class'), obj_description(k.oid, 'pg_constraint'))
        from pg_index i left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u')
        where i.indexrelid = $1::regclass";
    sqlx::query_scalar(sql).bind(name).fetch_one(connection).await.unwrap()
}

const KEYS: &[(&str, &str)] = &[
    (
        "one",
        "alter table notes add constraint one unique nulls not distinct (name) include (body)
            with (fillfactor = 55) deferrable initially deferred",
    ),
    (
        "one",
        "alter table notes add constraint one unique (name) with (fillfactor = 55, deduplicate_items = off);
            comment on constraint one on notes is 'It''s'; comment on index one is 'one'; cluster notes using one",
    ),
    (
        "\"x USING btree (\"",
        "create unique index \"x USING btree (\" on notes (name collate \"C\" desc nulls last, lower(body)) include (id)
            nulls not distinct with (fillfactor = 60) where name <> ' WHERE ('",
    ),
    (
        "one",
        "create unique index one on notes (name); alter table notes replica identity using index one",
    ),
];

#[tokio::test]
async fn a_mended_key_is_the_one_that_was() {
    for (name, sql) in KEYS {
        let database = guarded().await;
        let mut administrator = database.connect().await;
        run(&mut administrator, format!("update notes set name = tenant_id; {sql}")).await;
        let expected = key(&mut administrator, name).await.replace("(name", "(tenant_id, name");
        for finding in verify(&database).await.findings() {
            run(&mut administrator, finding.mend()).await;
        }
        let report = verify(&database).await;
        assert!(report.is_clean(), "{sql}: {report}");
        // A predicate is in parentheses, too.
        let mended = key(&mut administrator, name).await;
        assert_eq!(mended, expected.replace("WHERE (tenant_id, ", "WHERE ("));
    }
}

#[tokio::test]
async fn an_adopted_key_is_the_one_that_was() {
    for (name, sql) in KEYS {
        let database = TestDatabase::new().await;
        let mut administrator = database.connect().await;
        let notes = "create table notes (id bigint primary key, name text not null, body text not null)";
        run(&mut administrator, format!("{notes}; {sql}")).await;
        let expected = key(&mut administrator, name).await.replace("(name", "(tenant_id, name");
        let notes = declared(&database, &["notes"]);
        notes.adopt(&"acme".parse().unwrap(), &mut administrator).await.unwrap();
        let adopted = key(&mut administrator, name).await;
        assert_eq!(adopted, expected.replace("WHERE (tenant_id, ", "WHERE ("));
        let report = notes.verify(&mut administrator).await.unwrap();
        assert!(report.is_clean(), "{sql}: {report}");
    }
}

async fn policies(connection: &mut PgConnection) -> Vec<String> {
    let sql = "select concat_ws(' ', tablename, policyname, roles, cmd, qual, with_check) from pg_policies
        union all select pg_get_expr(adbin, 0) from pg_attrdef order by 1";
    sqlx::query_scalar(sql).fetch_all(connection).await.unwrap()
}

/// Neither the default of the service that runs, nor the policy that would let the other role in to every tenant.
#[tokio::test]
async fn what_is_declared_beside_another_service_changes_nothing_of_its() {
    let database = guarded().await;
    let mut superuser = database.superuser().await;
    // An administrator may make no roles.
    let sql =
        "create role APP_other; grant select, insert on notes to APP_other; alter table notes add column owner text";
    run(&mut superuser, database.named(sql)).await;
    let before = policies(&mut superuser).await;
    let other = PgRowTables::new(&database.named("APP_other"), database.administrator_role()).unwrap();
    let notes = || PgTenantTable::new("notes").unwrap();
    for declared in [
        other
            .clone()
            .with_setting("other.tenant".parse().unwrap())
            .with_table(notes()),
        other.with_table(notes().with_tenant_column("owner", PgTenantColumn::Text).unwrap()),
    ] {
        declared.apply(&mut database.connect().await).await.unwrap();
        assert_eq!(policies(&mut superuser).await, before);
        run(&mut superuser, database.named("set role APP_other")).await;
        let seen = sqlx::query_scalar("select body from notes").fetch_all(&mut superuser);
        let seen: Vec<String> = seen.await.unwrap();
        assert_eq!(seen, [""; 0]);
        run(&mut superuser, "reset role").await;
    }
    run(
        &mut superuser,
        database.named("drop owned by APP_other; drop role APP_other"),
    )
    .await;
}

#[tokio::test]
async fn a_fault_that_concerns_two_applications_is_found_once() {
    let database = guarded().await;
    let mut superuser = database.superuser().await;
    let sql = "create role APP_two; grant create on schema public to public;
        grant select on bookings_2026 to APP, APP_two; grant truncate on notes to public, APP, APP_two;
        create materialized view bodies as select * from notes; grant select on bodies to public;
        create table rates (rate int); grant insert on rates to APP, APP_two";
    run(&mut superuser, database.named(sql)).await;
    let declared = schema(&database).with_application(&database.named("APP_two")).unwrap();
    declared.apply(&mut database.connect().await).await.unwrap();
    let report = declared.verify(&mut database.connect().await).await.unwrap();
    let faults: Vec<PgFault> = report.findings().iter().map(tenancy_sqlx::PgFinding::fault).collect();
    let expected = [
        PgFault::SchemaCreate,
        PgFault::Grant,
        PgFault::ChildOpen,
        PgFault::MaterializedView,
        // Of each table, for the second.
        PgFault::GrantMissing,
        PgFault::GrantMissing,
        PgFault::GrantMissing,
    ];
    assert_eq!(faults, expected, "{report}");
    let rates = report.shared_tables().iter().filter(|table| *table == "public.rates");
    assert_eq!(rates.count(), 1, "{:?}", report.shared_tables());
    for finding in report.findings() {
        run(&mut superuser, finding.mend()).await;
    }
    let report = declared.verify(&mut database.connect().await).await.unwrap();
    assert!(report.is_clean(), "{report}");
    run(
        &mut superuser,
        database.named("drop owned by APP_two; drop role APP_two"),
    )
    .await;
}

/// The policy stays for who else it was made for, and the application is not put under one that was not its.
#[tokio::test]
async fn what_filtered_the_administrator_stays_for_others() {
    let database = guarded().await;
    let mut superuser = database.superuser().await;
    let sql =
        "create role APP_report; create policy quiet on notes as restrictive to ADMIN, APP_report using (id <> 1);
        create policy alone on notes as restrictive for delete to ADMIN using (id <> 1);
        create policy sure on tags as restrictive using ((select true))";
    run(&mut superuser, database.named(sql)).await;
    for finding in verify(&database).await.findings() {
        run(&mut database.connect().await, finding.mend()).await;
    }
    let report = verify(&database).await;
    assert!(report.is_clean(), "{report}");
    let left = "select concat_ws(' ', policyname, roles) from pg_policies where policyname !~ '^tenancy' order by 1";
    let left: Vec<String> = sqlx::query_scalar(left).fetch_all(&mut superuser).await.unwrap();
    assert_eq!(
        left,
        ["quiet {APP_report}", "sure {APP}"].map(|policy| database.named(policy))
    );
    run(
        &mut superuser,
        database.named("drop owned by APP_report; drop role APP_report"),
    )
    .await;
}

/// No single statement removes them, since each table's trigger writes the other, and no order of them either, unless
/// the keys are checked behind the last.
const TRIGGERS: &str = "
    create table teams (tenant_id text, id int, owner int, users int not null default 1, primary key (tenant_id, id));
    create table users (tenant_id text, id int, team int not null, seen int, primary key (tenant_id, id),
        foreign key (tenant_id, team) references teams deferrable);
    alter table teams add foreign key (tenant_id, owner) references users deferrable initially deferred;
    create function counted() returns trigger language plpgsql as $$ begin
        update teams set users = users - 1 where tenant_id = old.tenant_id and id = old.team; return old; end $$;
    create trigger counted before delete on users for each row execute function counted();
    create function seen() returns trigger language plpgsql as $$ begin
        update users set seen = 1 where tenant_id = old.tenant_id and team = old.id; return old; end $$;
    create trigger seen before delete on teams for each row execute function seen()";

/// No statement of several deletions may be on a table with such a rule.
const RULE: &str = "create table teams (tenant_id text, id int, owner int not null, primary key (tenant_id, id));
    create table users (tenant_id text, id int, team int not null, primary key (tenant_id, id),
        foreign key (tenant_id, team) references teams deferrable);
    alter table teams add foreign key (tenant_id, owner) references users deferrable;
    create rule besides as on delete to teams do also select 1";

#[tokio::test]
async fn a_cycle_is_removed_whose_keys_can_wait() {
    for sql in [TRIGGERS, RULE] {
        let database = TestDatabase::new().await;
        let tables = &["teams", "users"];
        let db = open(&database, tables, sql).await;
        let insert = "begin; set constraints all deferred; insert into teams values ('TENANT', 1, 1);
            insert into users (tenant_id, id, team) values ('TENANT', 1, 1); commit";
        seed_both(&mut database.connect().await, insert).await;
        let others = rows(&database, tables, "globex").await;
        remove(&db, "acme").await.unwrap();
        assert_eq!(rows(&database, tables, "acme").await, [""; 0]);
        assert_eq!(rows(&database, tables, "globex").await, others);
    }
}

//! Triggers, rules and functions that the application starts and that run as somebody who sees every tenant; and large
//! objects.

use tenancy_sqlx::PgFault;

use crate::postgres::verify::verify_faults::Planted;
use crate::postgres::verify::verify_planted::check_each;

/// A function of a trigger that shows the application a row of the other tenant.
macro_rules! shows {
    ($then:literal) => {
        concat!(
            "create function \"Show\"() returns trigger language plpgsql security definer as $$ begin
                perform set_config('probe.seen', (select body from public.notes where tenant_id = 'globex'), true);
                return coalesce(new, old); end $$; ",
            $then
        )
    };
}

const TRIGGERS: &[Planted] = &[
    // One tenant's insert takes the other's row.
    Planted {
        fault: "create function spread() returns trigger language plpgsql security definer as $$ begin
                update public.notes set tenant_id = new.tenant_id, name = body; return null; end $$;
            create trigger spreads after insert on tags for each row execute function spread()",
        found: &[(PgFault::TriggerAsOwner, "spreads on public.tags")],
        leak: Some(
            "with own as (insert into notes (name) values ('own') returning id)
                insert into tags (note, tag) select id, 't' from own; select body from notes",
        ),
    },
    Planted {
        fault: shows!("create trigger shows before update of body on notes for each row execute function \"Show\"()"),
        found: &[(PgFault::TriggerAsOwner, "shows on public.notes")],
        leak: Some("update notes set body = body; select current_setting('probe.seen', true)"),
    },
    Planted {
        fault: shows!("create trigger shows after delete on notes for each statement execute function \"Show\"()"),
        found: &[(PgFault::TriggerAsOwner, "shows on public.notes")],
        leak: Some("delete from notes; select current_setting('probe.seen', true)"),
    },
    Planted {
        fault: shows!(
            "create constraint trigger shows after insert on notes deferrable initially immediate
                for each row execute function \"Show\"()"
        ),
        found: &[(PgFault::TriggerAsOwner, "shows on public.notes")],
        leak: Some("insert into notes (name) values ('n'); select current_setting('probe.seen', true)"),
    },
    // A table without tenants, in which the application may write one column.
    Planted {
        fault: shows!(
            "create table \"Log\" (line text, at int); grant insert (line) on \"Log\" to APP;
                create trigger \"Shows\" before insert on \"Log\" for each row execute function \"Show\"()"
        ),
        found: &[(PgFault::TriggerAsOwner, "\"Shows\" on public.\"Log\"")],
        leak: Some("insert into \"Log\" (line) values ('n'); select current_setting('probe.seen', true)"),
    },
    Planted {
        fault: shows!("create trigger shows before insert on bookings_2026 for each row execute function \"Show\"()"),
        found: &[(PgFault::TriggerAsOwner, "shows on public.bookings_2026")],
        leak: Some("insert into bookings (day) values (2026); select current_setting('probe.seen', true)"),
    },
    // Found once, on the table that has it.
    Planted {
        fault: shows!("create trigger shows after insert on bookings for each row execute function \"Show\"()"),
        found: &[(PgFault::TriggerAsOwner, "shows on public.bookings")],
        leak: Some("insert into bookings (day) values (2026); select current_setting('probe.seen', true)"),
    },
    // An update that moves a row deletes it.
    Planted {
        fault: shows!(
            "create table bookings_2027 partition of bookings for values from (2027) to (2028);
                revoke delete on bookings from APP;
                create trigger shows before delete on bookings_2026 for each row execute function \"Show\"()"
        ),
        found: &[
            (PgFault::TriggerAsOwner, "shows on public.bookings_2026"),
            (PgFault::GrantMissing, "public.bookings for delete"),
        ],
        leak: Some(
            "insert into bookings (day) values (2026); update bookings set day = 2027;
                select current_setting('probe.seen', true)",
        ),
    },
    Planted {
        fault: shows!(
            "create view names with (security_invoker = true) as select count(*) as name from notes;
                grant select, insert on names to APP;
                create trigger shows instead of insert on names for each row execute function \"Show\"()"
        ),
        found: &[(PgFault::TriggerAsOwner, "shows on public.names")],
        leak: Some("insert into names values (1); select current_setting('probe.seen', true)"),
    },
    // The application writes none of these itself.
    Planted {
        fault: shows!(
            "create table marks (tenant_id text not null, note bigint,
                    foreign key (tenant_id, note) references notes (tenant_id, id) on delete set null (note));
                insert into marks select tenant_id, id from notes;
                create trigger shows after update on marks for each row execute function \"Show\"()"
        ),
        found: &[
            (
                PgFault::ForeignKeyWithoutTenant,
                "marks_tenant_id_note_fkey on public.marks",
            ),
            (PgFault::TriggerAsOwner, "shows on public.marks"),
        ],
        leak: Some("delete from notes; select current_setting('probe.seen', true)"),
    },
    Planted {
        fault: shows!(
            "create table inbox (line text); create view post as select line from inbox; grant insert on post to APP;
                create trigger shows after insert on inbox for each row execute function \"Show\"()"
        ),
        found: &[(PgFault::TriggerAsOwner, "shows on public.inbox")],
        leak: Some("insert into post values ('n'); select current_setting('probe.seen', true)"),
    },
    // An owner who is a member of the administrator's role.
    Planted {
        fault: shows!(
            "create role APP_between in role ADMIN; alter function \"Show\"() owner to APP_between;
                create trigger shows before update on notes for each row execute function \"Show\"()"
        ),
        found: &[(PgFault::TriggerAsOwner, "shows on public.notes")],
        leak: Some("update notes set body = body; select current_setting('probe.seen', true)"),
    },
    // None of these is started by the application, or sees more than it.
    Planted {
        fault: shows!(
            "create table log (line text); grant insert on log to APP;
                create trigger unwritten before update or delete on log for each row execute function \"Show\"();
                create trigger disabled before insert on notes for each row execute function \"Show\"();
                alter table notes disable trigger disabled;
                create function plain() returns trigger language plpgsql as 'begin return new; end';
                create trigger plain before insert on notes for each row execute function plain();
                create table unwritable (line text);
                create trigger nobodys before insert on unwritable for each row execute function \"Show\"()"
        ),
        found: &[],
        leak: None,
    },
    Planted {
        fault: shows!(
            "create role APP_between; alter function \"Show\"() owner to APP_between;
                create trigger harmless before update on notes for each row execute function \"Show\"()"
        ),
        found: &[],
        leak: None,
    },
];

#[tokio::test]
async fn triggers_that_run_as_an_owner_are_found() {
    check_each(TRIGGERS).await;
}

/// A function in a schema that the application may not name things in.
macro_rules! hidden {
    ($($then:tt)+) => {
        concat!(
            "create schema hidden; create function hidden.bodies() returns text language sql stable security definer
                as 'select body from public.notes where tenant_id = ''globex'''; ",
            $($then)+
        )
    };
}

/// The same, which only a role in between may execute.
macro_rules! lent {
    ($then:literal) => {
        hidden!(concat!(
            "create role APP_between; grant usage on schema hidden to APP_between;
            revoke execute on function hidden.bodies() from public;
            grant execute on function hidden.bodies() to APP_between; ",
            $then
        ))
    };
}

const FUNCTIONS: &[Planted] = &[
    Planted {
        fault: hidden!(
            "create table lines (line int, text text default hidden.bodies()); grant select, insert on lines to APP"
        ),
        found: &[(PgFault::FunctionAsOwner, "hidden.bodies()")],
        leak: Some("insert into lines values (1); select text from lines"),
    },
    Planted {
        fault: hidden!(
            "create view lines with (security_invoker = true) as select hidden.bodies() as text;
            grant select on lines to APP"
        ),
        found: &[(PgFault::FunctionAsOwner, "hidden.bodies()")],
        leak: Some("select text from lines"),
    },
    Planted {
        fault: hidden!("create function lines() returns text language sql begin atomic select hidden.bodies(); end"),
        found: &[(PgFault::FunctionAsOwner, "hidden.bodies()")],
        leak: Some("select lines()"),
    },
    // A column that is computed, and a check.
    Planted {
        fault: hidden!(
            "alter function hidden.bodies() immutable;
            create table lines (line int, text text generated always as (hidden.bodies()) stored);
            grant select, insert on lines to APP"
        ),
        found: &[(PgFault::FunctionAsOwner, "hidden.bodies()")],
        leak: Some("insert into lines values (1); select text from lines"),
    },
    // By the rights of a role in between, whose function or trigger the application starts.
    Planted {
        fault: lent!(
            "create function lines() returns text language sql security definer as 'select hidden.bodies()';
            alter function lines() owner to APP_between"
        ),
        found: &[(PgFault::FunctionAsOwner, "hidden.bodies()")],
        leak: Some("select lines()"),
    },
    Planted {
        fault: lent!(
            "create function lines() returns trigger language plpgsql security definer as
                $$ begin perform set_config('probe.seen', hidden.bodies(), true); return new; end $$;
            alter function lines() owner to APP_between;
            create trigger lines before update on notes for each row execute function lines()"
        ),
        found: &[(PgFault::FunctionAsOwner, "hidden.bodies()")],
        leak: Some("update notes set body = body; select current_setting('probe.seen', true)"),
    },
    // The application starts neither.
    Planted {
        fault: lent!(
            "create function lines() returns text language sql security definer as 'select hidden.bodies()';
            revoke execute on function lines() from public; alter function lines() owner to APP_between"
        ),
        found: &[],
        leak: None,
    },
    // Nothing leads there.
    Planted {
        fault: hidden!("create function lines() returns text language sql as 'select hidden.bodies()'"),
        found: &[],
        leak: None,
    },
    Planted {
        fault: hidden!(
            "revoke execute on function hidden.bodies() from public;
            create table lines (line int, text text default hidden.bodies()); grant select, insert on lines to APP"
        ),
        found: &[],
        leak: None,
    },
];

#[tokio::test]
async fn functions_that_something_else_calls_are_found() {
    check_each(FUNCTIONS).await;
}

const RULES: &[Planted] = &[
    Planted {
        fault: "create table wishes (line text); create table answers (line text);
            grant insert on wishes to APP; grant select on answers to APP;
            create rule \"Answer\" as on insert to wishes do instead insert into answers select body from notes",
        found: &[(PgFault::Rule, "\"Answer\" on public.wishes")],
        leak: Some("insert into wishes values ('w'); select line from answers"),
    },
    Planted {
        fault: "create view mine with (security_invoker = true) as select name from notes; grant select, update on mine to APP;
            create rule spread as on update to mine do instead update notes set tenant_id = 'acme', name = body",
        found: &[(PgFault::Rule, "spread on public.mine")],
        leak: Some("update mine set name = 'x'; select body from notes"),
    },
    Planted {
        fault: "create table wishes (line text); create rule answer as on insert to wishes do instead
            insert into tags select tenant_id, id, new.line from notes; grant select on wishes to APP",
        found: &[],
        leak: None,
    },
];

#[tokio::test]
async fn rules_that_reach_a_table_from_elsewhere_are_found() {
    check_each(RULES).await;
}

const LARGE: &[Planted] = &[
    Planted {
        fault: "set role APP; select lo_from_bytea(770001, 'of globex')",
        found: &[(PgFault::LargeObjects, "large objects of APP")],
        leak: Some("select convert_from(lo_get(770001), 'utf8')"),
    },
    Planted {
        fault: "select lo_from_bytea(770002, 'of globex'); grant select on large object 770002 to public",
        found: &[(PgFault::LargeObjects, "large objects of ADMIN")],
        leak: Some("select convert_from(lo_get(770002), 'utf8')"),
    },
    // The administrator's own.
    Planted {
        fault: "select lo_from_bytea(770003, 'of globex')",
        found: &[],
        leak: None,
    },
];

#[tokio::test]
async fn large_objects_in_reach_are_found() {
    check_each(LARGE).await;
}

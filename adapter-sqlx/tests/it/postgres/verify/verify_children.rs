//! Partitions and inheritance children of declared tables, and the tables above them.

use tenancy_sqlx::PgFault;

use crate::postgres::verify::verify_faults::Planted;
use crate::postgres::verify::verify_planted::check_each;

/// A row of `globex` in a partition.
macro_rules! booked {
    ($then:literal) => {
        concat!(
            "insert into bookings (tenant_id, day, email, body) values ('globex', 2026, 'a@b', 'of globex'); ",
            $then
        )
    };
}

/// Whether there is a row of the other tenant with this address: the conflict tells.
const PROBE: &str = "do $$ begin insert into bookings (day, email) values (2026, 'a@b');
    exception when unique_violation or exclusion_violation then perform set_config('probe.seen', 'of globex', true);
    end $$; select current_setting('probe.seen', true)";

const BELOW: &[Planted] = &[
    Planted {
        fault: booked!("create unique index one_email on bookings_2026 (email)"),
        found: &[(PgFault::KeyWithoutTenant, "one_email on public.bookings_2026")],
        leak: Some(PROBE),
    },
    Planted {
        fault: booked!("alter table bookings_2026 add constraint \"One (Email\" unique (email) deferrable initially immediate"),
        found: &[(PgFault::KeyWithoutTenant, "\"One (Email\" on public.bookings_2026")],
        leak: Some(PROBE),
    },
    // The key of the whole is found once.
    Planted {
        fault: booked!("alter table bookings add constraint one_email unique (day, email)"),
        found: &[(PgFault::KeyWithoutTenant, "one_email on public.bookings")],
        leak: Some(PROBE),
    },
    Planted {
        fault: booked!("alter table bookings_2026 add constraint one_email exclude using btree (email with =)"),
        found: &[(PgFault::KeyWithoutTenant, "one_email on public.bookings_2026")],
        leak: Some(PROBE),
    },
    // A partition of a partition, in another schema, attached later, with its columns in another order.
    Planted {
        fault: "create schema \"Old Years\"; create table \"Old Years\".\"2025\" (
                junk int, body text not null default '', email text not null default '', day int not null,
                tenant_id text not null) partition by list (day);
            alter table \"Old Years\".\"2025\" drop column junk;
            create table \"Old Years\".all_of_it (email text not null default '', tenant_id text not null,
                body text not null default '', day int not null);
            create unique index \"One USING btree (\" on \"Old Years\".all_of_it (lower(email) desc nulls last)
                include (body) where day > 0;
            create unique index fine on \"Old Years\".all_of_it (email, tenant_id);
            alter table \"Old Years\".\"2025\" attach partition \"Old Years\".all_of_it default;
            alter table bookings attach partition \"Old Years\".\"2025\" for values from (2025) to (2026)",
        found: &[(
            PgFault::KeyWithoutTenant,
            "\"One USING btree (\" on \"Old Years\".all_of_it",
        )],
        leak: None,
    },
    Planted {
        fault: "create table kinds () inherits (notes); create unique index one_name on kinds (name)",
        found: &[(PgFault::KeyWithoutTenant, "one_name on public.kinds")],
        leak: None,
    },
    Planted {
        fault: "create table kinds () inherits (notes); alter table kinds alter column tenant_id drop not null",
        found: &[(PgFault::ColumnNullable, "public.kinds.tenant_id")],
        leak: None,
    },
    Planted {
        fault: booked!("create unique index by_tenant_email on bookings_2026 (tenant_id, email);
            alter table bookings_2026 add constraint id_alone unique (day, email);
            create table payments (tenant_id text not null, day int, email text,
                constraint paid foreign key (day, email) references bookings_2026 (day, email))"),
        found: &[
            (PgFault::ForeignKeyWithoutTenant, "paid on public.payments"),
            (PgFault::KeyWithoutTenant, "id_alone on public.bookings_2026"),
        ],
        leak: None,
    },
    Planted {
        fault: "update notes set name = name || id; alter table notes add constraint name_alone unique (name);
            alter table bookings_2026 add constraint named foreign key (email) references notes (name)
                on delete cascade deferrable initially deferred not valid",
        found: &[
            (PgFault::ForeignKeyWithoutTenant, "named on public.bookings_2026"),
            (PgFault::KeyWithoutTenant, "name_alone on public.notes"),
        ],
        leak: None,
    },
    Planted {
        fault: booked!("grant select on bookings_2026 to APP"),
        found: &[(PgFault::ChildOpen, "public.bookings_2026")],
        leak: Some("select body from bookings_2026"),
    },
    Planted {
        fault: "grant trigger on bookings_2026 to APP",
        found: &[(PgFault::ChildOpen, "public.bookings_2026")],
        leak: None,
    },
    Planted {
        fault: "grant references (day) on bookings_2026 to public",
        found: &[(PgFault::ChildOpen, "public.bookings_2026")],
        leak: None,
    },
    // As an owner that the application's role is not: this is for a superuser to do.
    Planted {
        fault: booked!("alter table bookings_2026 owner to APP; set role APP; revoke all on bookings_2026 from APP"),
        found: &[(PgFault::TableOwned, "public.bookings_2026")],
        leak: Some("grant select on bookings_2026 to APP; select body from bookings_2026"),
    },
    Planted {
        fault: booked!("create view booked as select * from bookings_2026; grant select on booked to APP"),
        found: &[(PgFault::ViewAsOwner, "public.booked")],
        leak: Some("select body from booked"),
    },
    Planted {
        fault: booked!("create materialized view booked as select * from bookings_2026; grant select on booked to APP"),
        found: &[(PgFault::MaterializedView, "public.booked")],
        leak: Some("select body from booked"),
    },
    Planted {
        fault: "create rule quiet as on delete to bookings_2026 do instead nothing",
        found: &[(PgFault::Rule, "quiet on public.bookings_2026")],
        leak: None,
    },
    Planted {
        fault: "create schema parts; create table parts.bookings_2027 partition of bookings for values from (2027) to (2028);
            grant create on schema parts to APP",
        found: &[(PgFault::SchemaCreate, "parts")],
        leak: None,
    },
];

#[tokio::test]
async fn what_stands_on_a_child_alone_is_found() {
    check_each(BELOW).await;
}

const ABOVE: &[Planted] = &[
    Planted {
        fault: "create table texts (body text not null default ''); alter table notes inherit texts;
            grant select on texts to APP",
        found: &[(PgFault::ParentOpen, "public.texts")],
        leak: Some("select body from texts"),
    },
    Planted {
        fault: "create table texts (body text not null default ''); create table named (name text not null) inherits (texts);
            alter table notes inherit named; grant select (body) on texts to public",
        found: &[(PgFault::ParentOpen, "public.texts")],
        leak: Some("select body from texts"),
    },
    Planted {
        fault: "create table texts (body text not null default ''); alter table notes inherit texts;
            create view all_texts as select * from texts; grant select on all_texts to APP",
        found: &[(PgFault::ViewAsOwner, "public.all_texts")],
        leak: Some("select body from all_texts"),
    },
    // A declared table is a partition itself, and what its parent has comes down to it.
    Planted {
        fault: "create table tags_of_all (tenant_id text not null, note bigint not null, tag text not null,
                primary key (note, tag)) partition by list (tag);
            alter table tags drop constraint tags_pkey; alter table tags_of_all attach partition tags default;
            create table linked (note bigint, tag text, constraint loose foreign key (note, tag) references tags_of_all)",
        found: &[
            (PgFault::ForeignKeyWithoutTenant, "linked_note_tag_fkey on public.linked"),
            (PgFault::KeyWithoutTenant, "tags_pkey on public.tags"),
        ],
        leak: None,
    },
    // The parts of a table that is not declared are not either.
    Planted {
        fault: "create table events (tenant_id text, body text) partition by list (tenant_id);
            create table events_of_all partition of events default;
            insert into events values ('globex', 'of globex'); grant select on events_of_all to APP",
        found: &[(PgFault::TableUndeclared, "public.events_of_all")],
        leak: Some("select body from events_of_all"),
    },
];

#[tokio::test]
async fn what_stands_above_a_declared_table_is_found() {
    check_each(ABOVE).await;
}

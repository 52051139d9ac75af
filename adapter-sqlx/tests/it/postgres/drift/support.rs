//! What the tests of drift share: a rich schema, and reports by tenant.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Postgres};
use tenancy_core::directory::TenantRecord;
use tenancy_sqlx::TenantDb;
use tenancy_sqlx::drift::{Change, DriftOptions, DriftReport, VersionDrift};

use crate::postgres::support::server::TestDatabase;

/// Of each kind of object at least one. `home` names its own schema, and so does no other's.
pub(super) const RICH: [&str; 2] = [
    "create type mood as enum ('sad', 'happy');
create domain email as text check (value like '%@%');
create type pair as (a int, b text);
create type span as range (subtype = int4);
create collation plain from \"C\";
create table authors (id bigint generated always as identity primary key, name text not null, mood mood, contact email);
create table notes (
    id bigserial primary key,
    author bigint not null references authors,
    body text not null default '',
    size int generated always as (length(body)) stored,
    created_at timestamptz not null default now(),
    unique (author, body),
    constraint notes_body_short check (length(body) < 1000),
    constraint notes_apart exclude using btree (created_at with =)
);
create index notes_body_idx on notes (body text_pattern_ops) where author > 0;
create table events (at date not null, what text, author bigint references authors) partition by range (at);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
create index events_what_idx on events (what);
create table base (x int);
create table derived (y int) inherits (base);
create unlogged table scratch (z int) with (fillfactor = 70);
create view recent with (security_barrier) as select id, body from notes where created_at > now() - interval '1 day';
create materialized view counts as select author, count(*) as notes from notes group by author;
create sequence tickets increment 2;
create function stamp() returns trigger language plpgsql as $$ begin new.created_at := now(); return new; end $$;
create function double(n int) returns int language sql immutable return n * 2;
create aggregate total (int) (sfunc = int4pl, stype = int, initcond = '0');
create operator === (function = int4eq, leftarg = int, rightarg = int);
create trigger stamp before update of body, author on notes for each row execute function stamp();
alter table notes enable row level security;
create policy visible on notes using (author > 0) with check (true);
create rule kept as on delete to base do instead nothing;
create statistics notes_stats (dependencies, ndistinct) on author, body from notes;
create text search configuration words (copy = pg_catalog.simple);
do $$ begin execute format('create function home() returns regclass language sql as %L',
    format('select %L::regclass', current_schema() || '.notes')); end $$",
    "alter table notes add column extra int default 7; alter table notes alter column extra set statistics 500",
];

/// What is no drift: columns in another order, other numbers of objects, rows, sequences that have moved on, statistics.
pub(super) const NOISE: &str = "create table passing (id int); drop table passing;
alter table notes add column passing int; alter table notes drop column passing;
alter table notes drop column extra; alter table notes add column extra int default 7;
alter table notes alter column extra set statistics 500;
drop statistics notes_stats; create statistics notes_stats (ndistinct, dependencies) on body, author from notes;
drop index notes_body_idx; create index notes_body_idx on notes (body text_pattern_ops) where author > 0;
insert into authors (name, mood) values ('a', 'happy'), ('b', 'sad');
insert into notes (author, body) select 1, 'note ' || n from generate_series(1, 50) n on conflict do nothing;
insert into events values ('2026-02-03', 'x', 1);
select nextval('tickets') from generate_series(1, 10);
comment on table notes is 'Notes.';
revoke select on authors from APP; grant select on authors to APP;
analyze notes; refresh materialized view counts";

pub(super) fn record(id: &str, strategy: &str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), strategy.parse().unwrap())
}

/// As the administrator, with the tenant's schema in the search path.
pub(super) async fn in_schema(database: &TestDatabase, id: &str, sql: &str) {
    let mut connection = database.connect().await;
    run_in(&mut connection, &format!("tenant_{id}"), &database.named(sql)).await;
}

/// As the administrator, in the tenant's database.
pub(super) async fn in_database(database: &TestDatabase, id: &str, sql: &str) {
    let name = format!("{}{id}", database.prefix());
    let mut connection = database.administrator().database(&name).connect().await.unwrap();
    run_in(&mut connection, "public", &database.named(sql)).await;
}

async fn run_in(connection: &mut PgConnection, schema: &str, sql: &str) {
    let path = format!("set search_path = \"{schema}\"");
    sqlx::raw_sql(AssertSqlSafe(path))
        .execute(&mut *connection)
        .await
        .unwrap();
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

pub(super) async fn provision(db: &TenantDb<Postgres>, strategy: &str, ids: &[&str]) -> Vec<TenantRecord> {
    let mut records = Vec::new();
    for id in ids {
        let record = record(id, strategy);
        db.provision(&record).await.unwrap();
        records.push(record);
    }
    records
}

pub(super) async fn drift(db: &TenantDb<Postgres>, tenants: &[TenantRecord], options: &DriftOptions) -> DriftReport {
    db.drift(tenants, options).await.unwrap()
}

/// The one version that the tenants have.
pub(super) fn only_version(report: &DriftReport) -> &VersionDrift {
    let [strategy] = report.strategies.as_slice() else {
        panic!("{report:?}");
    };
    let [version] = strategy.versions.as_slice() else {
        panic!("{report:?}");
    };
    version
}

/// What one tenant differs in, in words.
pub(super) fn of_tenant(version: &VersionDrift, id: &str) -> BTreeSet<String> {
    let of = version
        .differences
        .iter()
        .filter(|difference| difference.tenants.iter().any(|tenant| tenant.as_str() == id));
    of.map(|difference| {
        let what = match difference.change {
            Change::Missing => "no".to_owned(),
            Change::Additional => "additional".to_owned(),
            _ => difference.aspect.clone().unwrap(),
        };
        format!("{what}: {} {}", difference.kind, difference.name)
    })
    .collect()
}

pub(super) fn words(expected: &[&str]) -> BTreeSet<String> {
    expected.iter().map(|word| (*word).to_owned()).collect()
}

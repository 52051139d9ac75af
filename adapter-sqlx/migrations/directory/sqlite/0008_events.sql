-- What has happened to tenants, in the transaction of the change. `subject` and `issuer` are personal.
create table tenancy_events (
    seq integer not null primary key autoincrement,
    tenant text,
    kind text not null,
    before text,
    after text,
    subject text,
    issuer text,
    actor text not null,
    reason text,
    -- Milliseconds since 1970.
    at integer not null
);

create index tenancy_events_of_tenant on tenancy_events (tenant, seq);

-- How far each reader has read.
create table tenancy_event_cursors (
    name text not null primary key,
    seq integer not null
) without rowid;

-- Both in seconds since 1970. A process of an older version writes no `archived_at`: then the grace begins when the deletion is
-- asked for. Once a deletion has begun, some of the data may be gone, and the tenant is not taken back.
alter table tenancy_tenants add column archived_at integer;
alter table tenancy_tenants add column deletion_began_at integer;
update tenancy_tenants set archived_at = unixepoch() where status = 'archived';

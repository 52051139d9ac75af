-- What has happened to tenants, in the transaction of the change. `seq` is the order of commits: whoever inserts holds the
-- events' advisory lock until they commit. `subject` and `issuer` are personal.
create table tenancy_events (
    seq bigint generated always as identity primary key,
    tenant text collate "C",
    kind text not null,
    before text,
    after text,
    subject text,
    issuer text,
    actor text not null,
    reason text,
    -- Milliseconds since 1970.
    at bigint not null
);

create index tenancy_events_of_tenant on tenancy_events (tenant, seq);

-- How far each reader has read.
create table tenancy_event_cursors (
    name text collate "C" not null primary key,
    seq bigint not null
);

revoke all on tenancy_events, tenancy_event_cursors from public;

-- Both in seconds since 1970. A process of an older version writes no `archived_at`: then the grace begins when the deletion is
-- asked for. Once a deletion has begun, some of the data may be gone, and the tenant is not taken back.
alter table tenancy_tenants add column archived_at bigint;
alter table tenancy_tenants add column deletion_began_at bigint;
update tenancy_tenants set archived_at = extract(epoch from now())::bigint where status = 'archived';

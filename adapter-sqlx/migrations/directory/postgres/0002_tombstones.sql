-- Names of tenants that were removed: an id for ever, the others until their quarantine is over.
create table tenancy_tombstones (
    form text collate "C" not null,
    name text collate "C" not null,
    -- Seconds since 1970.
    removed_at bigint not null,
    primary key (form, name)
);

revoke all on tenancy_tombstones from public;

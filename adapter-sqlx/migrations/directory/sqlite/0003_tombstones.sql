-- Names of tenants that were removed: an id for ever, the others until their quarantine is over.
create table tenancy_tombstones (
    form text not null,
    name text not null,
    -- Seconds since 1970.
    removed_at integer not null,
    primary key (form, name)
) without rowid;

-- What lists of tenants by status, and of the tenants of one subject, are read by. A list costs what it shows.
create index if not exists tenancy_tenants_by_status on tenancy_tenants (status, id);
create index if not exists tenancy_members_of_subject on tenancy_members (subject, issuer, tenant);

-- The application's own data of a tenant: a JSON object. A tenant without a row has none, of revision 0. It goes with the
-- tenant, also where a process removes the tenant that does not know of this table.
create table if not exists tenancy_metadata (
    tenant text not null primary key references tenancy_tenants (id) on delete cascade,
    revision integer not null,
    document text not null
) without rowid;

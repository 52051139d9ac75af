create table tenancy_tenants (
    id text not null primary key,
    slug text not null unique,
    external_id text unique,
    name text not null,
    status text not null,
    strategy text not null
) without rowid;

create table tenancy_domains (
    domain text not null primary key,
    tenant text not null references tenancy_tenants (id)
) without rowid;

create index tenancy_domains_of_tenant on tenancy_domains (tenant);

create table tenancy_members (
    tenant text not null references tenancy_tenants (id),
    subject text not null,
    primary key (tenant, subject)
) without rowid;

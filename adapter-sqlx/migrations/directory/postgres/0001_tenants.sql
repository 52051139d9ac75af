create table tenancy_tenants (
    id text collate "C" not null primary key,
    slug text collate "C" not null unique,
    external_id text collate "C" unique,
    name text not null,
    status text not null,
    strategy text not null
);

create table tenancy_domains (
    domain text collate "C" not null primary key,
    tenant text collate "C" not null references tenancy_tenants (id)
);

create index tenancy_domains_of_tenant on tenancy_domains (tenant);

-- A subject is unique with its issuer only; '' is any issuer. Roles are lines.
create table tenancy_members (
    tenant text collate "C" not null references tenancy_tenants (id),
    subject text collate "C" not null,
    issuer text collate "C" not null default '',
    roles text not null default '',
    primary key (tenant, subject, issuer)
);

-- Who made them reads and writes them. Names and members of all tenants are in here.
revoke all on tenancy_tenants, tenancy_domains, tenancy_members from public;

-- Whoever changes a row tells of it, by whichever way he came. It is told when he commits.
create function tenancy_tell_of_tenant() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    if tg_op <> 'INSERT' then
        perform pg_notify('tenancy_changes', 'tenant ' || old.id);
    end if;
    if tg_op <> 'DELETE' then
        perform pg_notify('tenancy_changes', 'tenant ' || new.id);
    end if;
    return null;
end $$;

create function tenancy_tell_of_domain() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    if tg_op <> 'INSERT' then
        perform pg_notify('tenancy_changes', 'tenant ' || old.tenant);
    end if;
    if tg_op <> 'DELETE' then
        perform pg_notify('tenancy_changes', 'tenant ' || new.tenant);
    end if;
    return null;
end $$;

create function tenancy_tell_of_member() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    if tg_op <> 'INSERT' then
        perform pg_notify('tenancy_changes', 'member ' || old.tenant || ' ' || old.subject);
    end if;
    if tg_op <> 'DELETE' then
        perform pg_notify('tenancy_changes', 'member ' || new.tenant || ' ' || new.subject);
    end if;
    return null;
end $$;

create function tenancy_tell_of_everything() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    perform pg_notify('tenancy_changes', 'everything');
    return null;
end $$;

create trigger tenancy_tell after insert or update or delete on tenancy_tenants
    for each row execute function tenancy_tell_of_tenant();
create trigger tenancy_tell after insert or update or delete on tenancy_domains
    for each row execute function tenancy_tell_of_domain();
create trigger tenancy_tell after insert or update or delete on tenancy_members
    for each row execute function tenancy_tell_of_member();
create trigger tenancy_tell_of_truncate after truncate on tenancy_tenants
    for each statement execute function tenancy_tell_of_everything();
create trigger tenancy_tell_of_truncate after truncate on tenancy_domains
    for each statement execute function tenancy_tell_of_everything();
create trigger tenancy_tell_of_truncate after truncate on tenancy_members
    for each statement execute function tenancy_tell_of_everything();

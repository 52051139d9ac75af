-- Who may enter a tenant for a while without being its member: each row is a grant that is redeemed once, or the session that it was
-- redeemed for. A row goes when it ends; the events say that it was there. Secrets are stored as SHA-256 digests. Times are seconds
-- since 1970, by this database's clock.
create table tenancy_impersonations (
    id text collate "C" not null primary key,
    tenant text collate "C" not null references tenancy_tenants (id) on delete cascade,
    actor text not null,
    -- The member in whose place the actor is there. The issuer is the empty text where the membership names none.
    subject text,
    issuer text,
    reason text not null,
    grant_digest text collate "C" not null unique,
    session_digest text collate "C" unique,
    expires_at bigint not null,
    redeemed_at bigint
);

create index tenancy_impersonations_of_tenant on tenancy_impersonations (tenant);
create index tenancy_impersonations_by_end on tenancy_impersonations (expires_at);

revoke all on tenancy_impersonations from public;

-- What a process that only serves may do, by these functions alone: a secret is needed for each, and none of them makes a grant.
-- One statement redeems, so that of two who redeem at once one does.
create function tenancy_redeem_impersonation(presented text, session text)
    returns table (id text, tenant text, actor text, subject text, issuer text, reason text, expires_at bigint)
    language plpgsql security definer as $$
declare
    redeemed tenancy_impersonations;
    at_seconds bigint := floor(extract(epoch from clock_timestamp()))::bigint;
begin
    update tenancy_impersonations i set redeemed_at = at_seconds, session_digest = session
        where i.grant_digest = presented and i.redeemed_at is null and i.expires_at > at_seconds
            and exists (select from tenancy_tenants t where t.id = i.tenant and t.status = 'active')
        returning i.* into redeemed;
    if not found then
        return;
    end if;
    -- The events' own lock, as every writer of an event takes it: the last before the commit.
    perform pg_advisory_xact_lock(8389754676633367137);
    insert into tenancy_events (tenant, kind, after, subject, issuer, actor, reason, at)
        values (redeemed.tenant, 'impersonation.started', redeemed.id, redeemed.subject, redeemed.issuer,
            redeemed.actor, redeemed.reason, floor(extract(epoch from clock_timestamp()) * 1000::numeric)::bigint);
    return query select redeemed.id, redeemed.tenant, redeemed.actor, redeemed.subject, redeemed.issuer,
        redeemed.reason, redeemed.expires_at;
end $$;

-- The session of which this is the digest, while it lasts and its tenant is active.
create function tenancy_impersonation_session(session text)
    returns table (id text, tenant text, actor text, subject text, issuer text, reason text, expires_at bigint)
    language sql stable security definer as $$
    select i.id, i.tenant, i.actor, i.subject, i.issuer, i.reason, i.expires_at
    from tenancy_impersonations i join tenancy_tenants t on t.id = i.tenant and t.status = 'active'
    where i.session_digest = session and i.expires_at > floor(extract(epoch from clock_timestamp()))::bigint
$$;

-- Whether a session of this grant lasts.
create function tenancy_impersonation_lasts(grant_id text) returns boolean language sql stable security definer as $$
    select exists (
        select from tenancy_impersonations i join tenancy_tenants t on t.id = i.tenant and t.status = 'active'
        where i.id = grant_id and i.redeemed_at is not null and i.expires_at > floor(extract(epoch from clock_timestamp()))::bigint)
$$;

revoke all on function tenancy_redeem_impersonation(text, text), tenancy_impersonation_session(text),
    tenancy_impersonation_lasts(text) from public;

-- They find the directory's tables by the schema that these are in, whatever the caller's search path is.
do $$
declare
    home text := (select c.relnamespace::regnamespace from pg_class c where c.oid = 'tenancy_impersonations'::regclass);
    called text;
begin
    foreach called in array array['tenancy_redeem_impersonation(text, text)', 'tenancy_impersonation_session(text)',
        'tenancy_impersonation_lasts(text)']
    loop
        execute format('alter function %s set search_path = pg_catalog, %s, pg_temp', called, home);
    end loop;
end $$;

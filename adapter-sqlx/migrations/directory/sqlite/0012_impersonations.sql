-- Who may enter a tenant for a while without being its member: each row is a grant that is redeemed once, or the session that it was
-- redeemed for. A row goes when it ends; the events say that it was there. Secrets are stored as SHA-256 digests. Times are seconds
-- since 1970, by this database's clock.
create table tenancy_impersonations (
    id text not null primary key,
    tenant text not null references tenancy_tenants (id) on delete cascade,
    actor text not null,
    -- The member in whose place the actor is there. The issuer is the empty text where the membership names none.
    subject text,
    issuer text,
    reason text not null,
    grant_digest text not null unique,
    session_digest text unique,
    expires_at integer not null,
    redeemed_at integer
) without rowid;

create index tenancy_impersonations_of_tenant on tenancy_impersonations (tenant);
create index tenancy_impersonations_by_end on tenancy_impersonations (expires_at);

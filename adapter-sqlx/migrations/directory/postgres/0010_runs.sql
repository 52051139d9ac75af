-- Runs of migrations over many tenants. What has run on a tenant's data stands in a ledger beside that data; here stands how far a
-- run has come, and which process works on what. Times are milliseconds since 1970.
create table tenancy_runs (
    id bigint generated always as identity primary key,
    state text not null,
    -- How it was begun, and the migrations that it is about.
    options text not null,
    migrations text not null,
    actor text not null,
    reason text,
    started_at bigint not null,
    finished_at bigint,
    -- Until when the process that plans it has its turn.
    lease_until bigint not null
);

-- The tenant of shared tables is the name of their strategy behind a colon, which no id has. `error` has nothing of a tenant's data.
create table tenancy_run_items (
    run bigint not null references tenancy_runs (id),
    tenant text collate "C" not null,
    strategy text not null,
    server text not null,
    wave bigint not null,
    state text not null,
    from_version bigint,
    to_version bigint,
    attempt bigint not null default 0,
    owner text,
    lease_until bigint,
    failed_version bigint,
    sqlstate text,
    error text,
    ms bigint,
    finished_at bigint,
    primary key (run, tenant)
);

create index tenancy_run_items_by_state on tenancy_run_items (run, wave, state, server, tenant);

revoke all on tenancy_runs, tenancy_run_items from public;

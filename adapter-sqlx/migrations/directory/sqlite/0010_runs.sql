-- Runs of migrations over many tenants. What has run on a tenant's data stands in a ledger beside that data; here stands how far a
-- run has come, and which process works on what. Times are milliseconds since 1970.
create table tenancy_runs (
    id integer not null primary key autoincrement,
    state text not null,
    -- How it was begun, and the migrations that it is about.
    options text not null,
    migrations text not null,
    actor text not null,
    reason text,
    started_at integer not null,
    finished_at integer,
    -- Until when the process that plans it has its turn.
    lease_until integer not null
);

-- The tenant of shared tables is the name of their strategy behind a colon, which no id has. `error` has nothing of a tenant's data.
create table tenancy_run_items (
    run integer not null references tenancy_runs (id),
    tenant text not null,
    strategy text not null,
    server text not null,
    wave integer not null,
    state text not null,
    from_version integer,
    to_version integer,
    attempt integer not null default 0,
    owner text,
    lease_until integer,
    failed_version integer,
    sqlstate text,
    error text,
    ms integer,
    finished_at integer,
    primary key (run, tenant)
);

create index tenancy_run_items_by_state on tenancy_run_items (run, wave, state, server, tenant);

//! The queue's table and the rights to it.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use thiserror::Error;

/// Two processes that set up at once wait for each other. The number is the queue's own.
const LOCK: &str = "select pg_catalog.pg_advisory_xact_lock(8387236824100947)";

/// The owner of a schema or table could give rights to the jobs in it, so these must be the administrator's.
const OWNERS: &str = "select pg_catalog.count(*) from (
    select nspowner as owner from pg_catalog.pg_namespace where nspname = 'tenancy_jobs'
    union all select c.relowner from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = 'tenancy_jobs') owners
where owner <> (select oid from pg_catalog.pg_roles where rolname = current_user)";

/// Names are compared by their bytes, as the worker compares them.
const TABLES: &str = "
create schema if not exists tenancy_jobs;
revoke all on schema tenancy_jobs from public;
create table if not exists tenancy_jobs.jobs (
    id text collate \"C\" primary key check (pg_catalog.octet_length(id) <= 64),
    tenant text collate \"C\" not null check (pg_catalog.octet_length(tenant) between 1 and 255),
    name text collate \"C\" not null check (pg_catalog.octet_length(name) <= 1024),
    sealed text not null check (pg_catalog.octet_length(sealed) <= 1048576),
    run_at timestamptz not null default pg_catalog.now(),
    attempts integer not null default 0,
    gave_up boolean not null default false,
    last_error text
);
create index if not exists jobs_due on tenancy_jobs.jobs (tenant, run_at) where not gave_up;
revoke all on table tenancy_jobs.jobs from public;";

/// The application adds jobs, and sees none: it could copy one, and a copy runs.
const GRANTS: &str = "select pg_catalog.format('
revoke all on table tenancy_jobs.jobs from %1$I, %2$I;
grant usage on schema tenancy_jobs to %1$I, %2$I;
grant insert (id, tenant, name, sealed, run_at) on table tenancy_jobs.jobs to %1$I;
grant select, update, delete on table tenancy_jobs.jobs to %2$I', $1, $2)";

/// The worker's role and what it is a member of is not reached by the application's.
const ARE_APART: &str = "select not pg_catalog.pg_has_role($1::pg_catalog.name, $2::pg_catalog.name, 'member')";

pub(super) async fn set_up(connection: &mut PgConnection, application: &str, worker: &str) -> Result<(), SetUpError> {
    let mut tx = connection.begin().await?;
    sqlx::query(LOCK).execute(&mut *tx).await?;
    let are_apart: bool = sqlx::query_scalar(ARE_APART)
        .bind(application)
        .bind(worker)
        .fetch_one(&mut *tx)
        .await?;
    if !are_apart {
        return Err(SetUpError::SameRole);
    }
    let foreign: i64 = sqlx::query_scalar(OWNERS).fetch_one(&mut *tx).await?;
    if foreign > 0 {
        return Err(SetUpError::ForeignSchema);
    }
    sqlx::raw_sql(TABLES).execute(&mut *tx).await?;
    let grants: String = sqlx::query_scalar(GRANTS)
        .bind(application)
        .bind(worker)
        .fetch_one(&mut *tx)
        .await?;
    sqlx::raw_sql(AssertSqlSafe(grants)).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Why the queue could not be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetUpError {
    /// The application's role is the worker's, or may act as it: then tenants' SQL would read and change the queue.
    #[error("the application's role may act as the worker's role")]
    SameRole,
    /// The schema `tenancy_jobs`, or a table in it, belongs to another role.
    #[error("the schema `tenancy_jobs` or what it contains belongs to another role than the administrator")]
    ForeignSchema,
    /// The database failed or refused.
    #[error("failed to set up the job queue")]
    Database(#[from] sqlx::Error),
}

//! The queue as an application and an administrator use it.

use std::time::Duration;

use serde::Serialize;
use sqlx::{PgConnection, Postgres};
use tenancy_core::names::TenantId;
use tenancy_sqlx::TenantTransaction;
use thiserror::Error;

use super::interval::seconds;
use super::set_up::{SetUpError, set_up};
use crate::{JobKeys, SealError, TenantJob};

const INSERT: &str = "insert into tenancy_jobs.jobs (id, tenant, name, sealed, run_at)
    values ($1, $2, $3, $4, pg_catalog.now() + pg_catalog.make_interval(secs => $5))";

/// The queue in the table `tenancy_jobs.jobs`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PgJobs;

impl PgJobs {
    /// Makes the table and gives the rights to it: the role `application` may insert jobs and nothing else, `worker` reads,
    /// changes and removes them. It may be called at each start, by the administrator, who needs the right to make a schema.
    ///
    /// # Errors
    ///
    /// If the application may act as the worker's role, if the schema belongs to somebody else, or the database fails.
    pub async fn set_up(administrator: &mut PgConnection, application: &str, worker: &str) -> Result<(), SetUpError> {
        set_up(administrator, application, worker).await
    }

    /// Enqueues a job in its tenant's transaction: if that is rolled back, there is no job.
    ///
    /// Under the strategies `row` and `schema` the queue is in the tenant's database. Under `database` it is in another one, and
    /// no transaction spans both: see [`enqueue_apart`](Self::enqueue_apart).
    ///
    /// # Errors
    ///
    /// If the transaction is another tenant's than the job, which is refused before anything is sent: the transaction is as
    /// before. If the payload cannot be written, if the database of the transaction has no queue, or the database fails: the
    /// transaction is then aborted, as after any failed statement.
    pub async fn enqueue<T: Serialize>(
        transaction: &mut TenantTransaction<Postgres>,
        job: &TenantJob<T>,
        keys: &JobKeys,
    ) -> Result<(), EnqueueError> {
        Self::enqueue_after(transaction, job, keys, Duration::ZERO).await
    }

    /// As [`enqueue`](Self::enqueue), for a job that does not run before `delay` is over.
    ///
    /// # Errors
    ///
    /// As [`enqueue`](Self::enqueue).
    #[doc(alias = "schedule")]
    pub async fn enqueue_after<T: Serialize>(
        transaction: &mut TenantTransaction<Postgres>,
        job: &TenantJob<T>,
        keys: &JobKeys,
        delay: Duration,
    ) -> Result<(), EnqueueError> {
        if transaction.tenant() != Some(job.tenant()) {
            return Err(EnqueueError::AnotherTenant {
                job: job.tenant().clone(),
                transaction: transaction.tenant().cloned(),
            });
        }
        Self::enqueue_apart(transaction, job, keys, delay).await
    }

    /// Enqueues a job by any connection of the application's role to the queue's database: for tenants whose data is in another
    /// database, under the strategy `database`.
    ///
    /// Call it after the tenant's transaction has committed, and know that the job is lost if the process ends in between.
    /// In a tenant's own transaction use [`enqueue`](Self::enqueue), which compares the tenants: this cannot.
    ///
    /// # Errors
    ///
    /// As [`enqueue`](Self::enqueue), but for the comparison.
    pub async fn enqueue_apart<T: Serialize>(
        connection: &mut PgConnection,
        job: &TenantJob<T>,
        keys: &JobKeys,
        delay: Duration,
    ) -> Result<(), EnqueueError> {
        let sealed = job.seal(keys)?;
        let sealed = serde_json::to_string(&sealed).map_err(EnqueueError::Envelope)?;
        sqlx::query(INSERT)
            .bind(job.id())
            .bind(job.tenant().as_str())
            .bind(job.name().as_str())
            .bind(sealed)
            .bind(seconds(delay))
            .execute(connection)
            .await
            .map_err(EnqueueError::of)?;
        Ok(())
    }

    /// Removes all jobs of a tenant and returns their number, for the erasure of its data. The worker's role may do this.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_of(worker: &mut PgConnection, tenant: &TenantId) -> Result<u64, sqlx::Error> {
        let sql = "delete from tenancy_jobs.jobs where tenant = $1";
        let removed = sqlx::query(sql).bind(tenant.as_str()).execute(worker).await?;
        Ok(removed.rows_affected())
    }
}

/// Why a job was not enqueued.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// The job is one tenant's and the transaction another's, or that of no tenant. Nothing was written.
    #[error("the job is of the tenant `{job}`, and the transaction is not")]
    AnotherTenant {
        /// The job's tenant.
        job: TenantId,
        /// The transaction's; `None` if it sees all tenants.
        transaction: Option<TenantId>,
    },
    /// The payload cannot be written as JSON.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The sealed job cannot be written as JSON.
    #[error("failed to write a sealed job as JSON")]
    Envelope(#[source] serde_json::Error),
    /// The database of the transaction has no queue: the tenant's own database, under the strategy `database`, or one in
    /// which [`PgJobs::set_up`] has not run.
    #[error("the database of this transaction has no job queue")]
    NoQueue,
    /// The database failed or refused.
    #[error("failed to enqueue a job")]
    Database(#[source] sqlx::Error),
}

impl EnqueueError {
    /// An unknown schema or table.
    fn of(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        match code.as_deref() {
            Some("3F000" | "42P01") => Self::NoQueue,
            _ => Self::Database(error),
        }
    }
}

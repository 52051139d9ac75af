//! What is written of a job that has ended.

use std::error::Error;
use std::time::Duration;

use sqlx::PgPool;

use super::claim::Claimed;
use super::interval::seconds;

/// Each touches the job only if it is still this claim's.
const REMOVE: &str = "delete from tenancy_jobs.jobs where id = $1 and attempts = $2";

const RETRY: &str = "update tenancy_jobs.jobs set last_error = $4,
    run_at = pg_catalog.now() + pg_catalog.make_interval(secs => $3) where id = $1 and attempts = $2";

const GIVE_UP: &str = "update tenancy_jobs.jobs set gave_up = true, last_error = $3 where id = $1 and attempts = $2";

/// The attempt is given back.
const LATER: &str = "update tenancy_jobs.jobs set attempts = attempts - 1,
    run_at = pg_catalog.now() + pg_catalog.make_interval(secs => $3) where id = $1 and attempts = $2";

pub(super) async fn remove(pool: &PgPool, job: &Claimed) -> Result<(), sqlx::Error> {
    let query = sqlx::query(REMOVE).bind(&job.id).bind(job.attempts);
    query.execute(pool).await.map(drop)
}

pub(super) async fn retry(pool: &PgPool, job: &Claimed, delay: Duration, error: String) -> Result<(), sqlx::Error> {
    let query = sqlx::query(RETRY).bind(&job.id).bind(job.attempts);
    let query = query.bind(seconds(delay)).bind(error);
    query.execute(pool).await.map(drop)
}

pub(super) async fn give_up(pool: &PgPool, job: &Claimed, error: String) -> Result<(), sqlx::Error> {
    let query = sqlx::query(GIVE_UP).bind(&job.id).bind(job.attempts).bind(error);
    query.execute(pool).await.map(drop)
}

pub(super) async fn later(pool: &PgPool, job: &Claimed, delay: Duration) -> Result<(), sqlx::Error> {
    let query = sqlx::query(LATER).bind(&job.id).bind(job.attempts);
    let query = query.bind(seconds(delay));
    query.execute(pool).await.map(drop)
}

/// The error with its sources, without the characters that a text of PostgreSQL cannot hold.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text.replace('\0', "")
}

//! A queue of jobs in PostgreSQL, beside the tenants' data.
//!
//! The table `tenancy_jobs.jobs` has two roles: the application's, whose transactions enqueue, may insert and nothing else, so
//! that tenants' SQL reads, changes and removes no job; the worker's takes jobs out. The names are written with their schema, so
//! that they are the same in transactions of the strategies `row` and `schema`, whatever the search path.

mod claim;
mod event;
mod finish;
mod interval;
mod jobs;
mod look;
mod set_up;
mod task;
mod worker;

pub use event::{JobEvent, JobOutcome, WorkFailed};
pub use jobs::{EnqueueError, PgJobs};
pub use set_up::SetUpError;
pub use worker::{PgWorker, PgWorkerBuilder};

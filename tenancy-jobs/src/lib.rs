//! Background jobs that carry their tenant.
//!
//! A [`TenantJob`] is made of an `Admitted` alone. In a queue it is a [`SealedJob`], a text with a code by the application's
//! key, which gives no right to anything. When its turn has come the [`Gate`] queries the directory again: the job runs in its
//! tenant's scope, goes back to the queue without an attempt, or is dropped.
//!
//! Any queue that stores text can hold sealed jobs. The feature `postgres` has one, in the tenants' own database, so that a job
//! is enqueued in the transaction that makes it necessary; its worker serves tenants in turn:
//!
//! ```no_run
//! # #[cfg(feature = "postgres")]
//! # mod example {
//! use sqlx::{PgPool, Postgres};
//! use tenancy_core::directory::Directory;
//! use tenancy_core::enforce::Admitted;
//! use tenancy_core::names::Subject;
//! use tenancy_jobs::postgres::{PgJobs, PgWorker};
//! use tenancy_jobs::{Gate, JobKeys, ReceivedJob, TenantJob};
//! use tenancy_sqlx::TenantDb;
//!
//! // In a handler: the note and the job are committed together, or neither is.
//! async fn write_note(db: &TenantDb<Postgres>, keys: &JobKeys, tenant: &Admitted, body: &str) -> anyhow::Result<()> {
//!     let mut tx = db.begin(tenant).await?;
//!     sqlx::query("insert into notes (body) values ($1)").bind(body).execute(&mut *tx).await?;
//!     let job = TenantJob::new(tenant, Subject::from_static("index-note"), body);
//!     PgJobs::enqueue(&mut tx, &job, keys).await?;
//!     tx.commit().await?;
//!     Ok(())
//! }
//!
//! // In the worker: `queue` connects as the worker's role, `db` as the application's.
//! async fn work(queue: PgPool, directory: impl Directory + 'static, keys: JobKeys, db: TenantDb<Postgres>) {
//!     let worker = PgWorker::builder(queue, Gate::new(directory, keys))
//!         .with_concurrency(8)
//!         .with_job(Subject::from_static("index-note"), move |tenant, job: ReceivedJob<String>| {
//!             let db = db.clone();
//!             async move {
//!                 let mut tx = db.begin(&tenant).await?;
//!                 sqlx::query("insert into note_index (body) values ($1)").bind(job.payload).execute(&mut *tx).await?;
//!                 tx.commit().await?;
//!                 Ok::<_, anyhow::Error>(())
//!             }
//!         })
//!         .build();
//!     worker.run_until(std::future::pending()).await;
//! }
//! # }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod admitted_job;
mod enqueued_by;
mod gate;
mod job;
mod key;
#[cfg(feature = "postgres")]
pub mod postgres;
mod sealed;

pub use admitted_job::{AdmittedJob, ReceivedJob, RunError};
pub use enqueued_by::EnqueuedBy;
pub use gate::{Dropped, Gate, GateDecision, Later};
pub use job::{SealError, TenantJob};
pub use key::{JobKeyError, JobKeys};
pub use sealed::SealedJob;

/// The example of the package's README, as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// The programs of the page on jobs, which is in the repository alone.
#[cfg(all(doctest, feature = "postgres"))]
#[doc = include_str!("../../docs/jobs.md")]
mod page {}

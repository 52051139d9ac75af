//! What is reported of a job that runs for all tenants.

use tenancy_core::enforce::JobRefused;
use tenancy_core::names::TenantId;
use thiserror::Error;

use crate::DirectoryError;

/// What happens to a tenant while a job runs for all of them.
#[derive(Debug)]
#[non_exhaustive]
pub enum JobProgress<'p, E> {
    /// The work is about to run.
    Started(&'p TenantId),
    /// The work has succeeded.
    Done(&'p TenantId),
    /// The work has failed. The others continue.
    Failed(&'p TenantId, &'p JobError<E>),
    /// The tenant was active when it was listed and is not any more, so the work did not run.
    Skipped(&'p TenantId),
}

/// Why a job failed for one tenant.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JobError<E> {
    /// The work returned an error.
    #[error("failed to do the work of the tenant")]
    Work(#[source] E),
    /// The work panicked. What it had not committed is rolled back.
    #[error("the work of the tenant panicked: {message}")]
    Panicked {
        /// What the panic said, if it is text.
        message: String,
    },
    /// The directory could not tell whether the tenant is still active, so the work did not run.
    #[error("failed to admit the job to the tenant")]
    Refused(#[source] JobRefused<DirectoryError>),
    /// The runtime has ended the task.
    #[error("the work of the tenant was ended by the runtime")]
    Ended,
}

/// How many tenants a job has come to. It holds numbers and no list, so that its size does not grow with the tenants; each
/// tenant's outcome is [observed](JobProgress) when it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobSummary {
    /// Tenants for which the work has succeeded.
    pub done: u64,
    /// Tenants for which it has not.
    pub failed: u64,
    /// Tenants that were not active any more.
    pub skipped: u64,
}

impl JobSummary {
    /// Whether the work has succeeded for every tenant that is active.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.failed == 0
    }
}

/// The list of tenants ended early, since the directory could not be read on. What ran has ended before this is returned.
#[derive(Debug, Error)]
#[error("failed to list the tenants: the job ended after {} of them", summary.done + summary.failed + summary.skipped)]
#[non_exhaustive]
pub struct JobInterrupted {
    /// What the job came to until then. Tenants behind those have not been reached.
    pub summary: JobSummary,
    /// Why the directory could not be read.
    pub source: DirectoryError,
}

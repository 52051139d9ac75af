//! What a worker reports of each job.

use std::error::Error;

use thiserror::Error as DeriveError;

use crate::{Dropped, RunError};

/// What has become of a job that a worker has taken out of the queue.
#[derive(Debug)]
#[non_exhaustive]
pub struct JobEvent<'e> {
    /// The job's id, as the queue has it.
    pub id: &'e str,
    /// The tenant, as the queue has it. Of a job that is dropped as forged it is whatever its forger wrote.
    pub tenant: &'e str,
    /// The job's name, likewise.
    pub name: &'e str,
    /// Which attempt it was, from 1 on.
    pub attempt: u32,
    /// What it came to.
    pub outcome: &'e JobOutcome,
}

/// What a job came to.
#[derive(Debug)]
#[non_exhaustive]
pub enum JobOutcome {
    /// The work has succeeded, and the job is removed.
    Done,
    /// The work has failed. The job is tried again.
    Failed(WorkFailed),
    /// The work has failed in the last attempt. The job stays in the queue's table as `gave_up`, with the error.
    GaveUp(WorkFailed),
    /// The tenant is not served now. The job waits, and that was no attempt.
    Later {
        /// Why, for logs.
        reason: String,
    },
    /// The job was removed without having run.
    Dropped(Dropped),
}

/// Why the work of a job has failed.
#[derive(Debug, DeriveError)]
#[non_exhaustive]
pub enum WorkFailed {
    /// The payload is not of the type that the work expects.
    #[error("failed to read the payload of the job")]
    Payload(#[source] serde_json::Error),
    /// The work has returned an error.
    #[error("failed to do the work of the job")]
    Work(#[source] Box<dyn Error + Send + Sync>),
    /// The work has panicked.
    #[error("the work of the job panicked: {message}")]
    Panicked {
        /// What the panic said, if it is text.
        message: String,
    },
    /// The process has ended in the last attempt, so that it was not noted what that came to.
    #[error("the last attempt of the job has not ended")]
    Unfinished,
    /// The work took longer than its time limit, and was dropped.
    #[error("the work of the job exceeded its time limit")]
    TimedOut,
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<RunError<E>> for WorkFailed {
    fn from(error: RunError<E>) -> Self {
        match error {
            RunError::Payload(error) => Self::Payload(error),
            RunError::Work(error) => Self::Work(error.into()),
            RunError::Panicked { message } => Self::Panicked { message },
        }
    }
}

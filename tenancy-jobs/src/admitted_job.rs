//! A job that runs.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use serde::de::DeserializeOwned;
use tenancy_core::context;
use tenancy_core::enforce::Admitted;
use thiserror::Error;

use crate::EnqueuedBy;
use crate::sealed::Body;

/// A job that the [`Gate`](crate::Gate) has let through, with the capability to act in its tenant.
pub struct AdmittedJob {
    admitted: Admitted,
    body: Body,
}

/// What the work receives of its job.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReceivedJob<T> {
    /// The job's id, which is the same in each attempt: work that must not be done twice records it in its own transaction.
    #[doc(alias = "idempotency key")]
    pub id: String,
    /// Who enqueued it.
    pub enqueued_by: EnqueuedBy,
    /// What it was enqueued with.
    pub payload: T,
}

impl AdmittedJob {
    pub(crate) const fn new(admitted: Admitted, body: Body) -> Self {
        Self { admitted, body }
    }

    /// The capability by which the work acts: its standing is that of a job, its subject the job's name.
    #[must_use]
    pub const fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// The job's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.body.id
    }

    /// Runs the work in the tenant's [scope](tenancy_core::context), so that `begin_current` and `run_current` are its
    /// tenant's. The scope ends with the work, however that ends.
    ///
    /// # Errors
    ///
    /// If the payload is not what the work expects, or the work fails or panics. It may be tried again.
    pub async fn run<T, R, E, F>(self, work: impl FnOnce(Admitted, ReceivedJob<T>) -> F) -> Result<R, RunError<E>>
    where
        T: DeserializeOwned,
        F: Future<Output = Result<R, E>>,
    {
        let Self { admitted, body } = self;
        let payload = serde_json::from_str(body.payload.get()).map_err(RunError::Payload)?;
        let received = ReceivedJob {
            id: body.id,
            enqueued_by: body.by,
            payload,
        };
        let scoped = context::scope(admitted.clone(), async move { work(admitted, received).await });
        match AssertUnwindSafe(scoped).catch_unwind().await {
            Ok(ended) => ended.map_err(RunError::Work),
            Err(panic) => Err(RunError::Panicked {
                message: message(&*panic).to_owned(),
            }),
        }
    }
}

impl fmt::Debug for AdmittedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmittedJob")
            .field("tenant", self.admitted.id())
            .field("name", self.admitted.subject())
            .field("id", &self.body.id)
            .finish_non_exhaustive()
    }
}

/// Why a job that was let through has failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError<E> {
    /// The payload is not of the type that the work expects. Another version of the service may have enqueued it.
    #[error("failed to read the payload of the job")]
    Payload(#[source] serde_json::Error),
    /// The work has returned an error.
    #[error("failed to do the work of the job")]
    Work(#[source] E),
    /// The work has panicked. What it had not committed is rolled back.
    #[error("the work of the job panicked: {message}")]
    Panicked {
        /// What the panic said, if it is text.
        message: String,
    },
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic whose payload is no text")
}

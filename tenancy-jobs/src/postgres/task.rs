//! One job, from the claim to its end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::PgPool;
use tenancy_core::directory::Directory;
use tenancy_sqlx::ErrorKind;

use super::claim::Claimed;
use super::event::{JobEvent, JobOutcome, WorkFailed};
use super::finish::{self, chain};
use crate::sealed::Body;
use crate::{AdmittedJob, Dropped, Gate, GateDecision, Later, SealedJob};

/// The work of jobs of one name, whatever their payload.
pub(super) type Work = Arc<dyn Fn(AdmittedJob) -> BoxFuture<'static, Result<(), WorkFailed>> + Send + Sync>;
pub(super) type Observer = Arc<dyn Fn(&JobEvent<'_>) + Send + Sync>;

/// What all jobs of a worker share.
pub(super) struct Shared<D> {
    pub(super) pool: PgPool,
    pub(super) gate: Gate<D>,
    pub(super) work: HashMap<String, Work>,
    pub(super) observer: Option<Observer>,
    pub(super) max_attempts: u32,
    pub(super) first_retry: Duration,
    pub(super) later: Duration,
    pub(super) time_limit: Duration,
}

/// The longest time between two attempts.
const LONGEST_RETRY: Duration = Duration::from_secs(3600);

impl<D: Directory> Shared<D> {
    /// Judges and runs a job, and writes what it came to. Returns whether its tenant's jobs are to wait.
    pub(super) async fn run(&self, job: &Claimed) -> bool {
        let attempt = u32::try_from(job.attempts).unwrap_or(0);
        // The gate is within the limit, too: the claim is this worker's for no longer.
        let outcome = match tokio::time::timeout(self.time_limit, self.judge(job, attempt)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => self.failed(attempt, error),
            Err(_) => self.failed(attempt, WorkFailed::TimedOut),
        };
        if let Err(error) = self.finish(job, attempt, &outcome).await {
            tracing::error!(job = job.id, %error, "failed to write the end of a job; it will run again");
        }
        self.report(job, attempt, &outcome);
        matches!(outcome, JobOutcome::Later { .. })
    }

    async fn judge(&self, job: &Claimed, attempt: u32) -> Result<JobOutcome, WorkFailed> {
        let Some((body, work)) = self.read(job) else {
            return Ok(JobOutcome::Dropped(Dropped::Forged));
        };
        Ok(match self.gate.admit_opened(body).await {
            GateDecision::Run(_) if attempt > self.max_attempts => JobOutcome::GaveUp(WorkFailed::Unfinished),
            GateDecision::Run(admitted) => {
                let tenant = admitted.admitted().id().clone();
                match work(*admitted).await {
                    Ok(()) => JobOutcome::Done,
                    // The gate would have found it out, had it looked.
                    Err(WorkFailed::Work(error)) if ErrorKind::of(&*error) == ErrorKind::Updating => {
                        JobOutcome::Later {
                            reason: Later::<D::Error>::Behind { tenant }.to_string(),
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            GateDecision::Later(later) => JobOutcome::Later {
                reason: later.to_string(),
            },
            GateDecision::Drop(dropped) => JobOutcome::Dropped(dropped),
        })
    }

    /// What the sealed job of a row says, if it is what the row says, too: else a sealed job was copied into the row.
    fn read(&self, job: &Claimed) -> Option<(Body, &Work)> {
        let sealed: SealedJob = serde_json::from_str(&job.sealed).ok()?;
        let body = self.gate.open(&sealed)?;
        let is_of_row = body.id == job.id && body.tenant == job.tenant && body.name == job.name;
        let work = self.work.get(&body.name)?;
        is_of_row.then_some((body, work))
    }

    const fn failed(&self, attempt: u32, error: WorkFailed) -> JobOutcome {
        if attempt < self.max_attempts {
            JobOutcome::Failed(error)
        } else {
            JobOutcome::GaveUp(error)
        }
    }

    async fn finish(&self, job: &Claimed, attempt: u32, outcome: &JobOutcome) -> Result<(), sqlx::Error> {
        match outcome {
            JobOutcome::Done | JobOutcome::Dropped(_) => finish::remove(&self.pool, job).await,
            JobOutcome::Failed(error) => finish::retry(&self.pool, job, self.delay(attempt), chain(error)).await,
            JobOutcome::GaveUp(error) => finish::give_up(&self.pool, job, chain(error)).await,
            JobOutcome::Later { .. } => finish::later(&self.pool, job, self.later).await,
        }
    }

    /// Twice as long after each attempt.
    fn delay(&self, attempt: u32) -> Duration {
        let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first_retry.saturating_mul(doubled).min(LONGEST_RETRY)
    }

    fn report(&self, job: &Claimed, attempt: u32, outcome: &JobOutcome) {
        let Claimed { id, tenant, name, .. } = job;
        match outcome {
            JobOutcome::Done | JobOutcome::Later { .. } => tracing::debug!(id, tenant, name, attempt, ?outcome, "job"),
            JobOutcome::Dropped(reason) => tracing::warn!(id, tenant, name, %reason, "dropped a job"),
            JobOutcome::Failed(error) => tracing::warn!(id, tenant, name, attempt, %error, "a job has failed"),
            JobOutcome::GaveUp(error) => tracing::error!(id, tenant, name, attempt, %error, "gave up a job"),
        }
        if let Some(observer) = &self.observer {
            observer(&JobEvent {
                id,
                tenant,
                name,
                attempt,
                outcome,
            });
        }
    }
}

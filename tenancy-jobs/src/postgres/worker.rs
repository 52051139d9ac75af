//! A worker: how many jobs run at a time, and whose.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use sqlx::PgPool;
use tenancy_core::directory::Directory;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::Subject;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

use super::claim::{Claimed, claim};
use super::event::{JobEvent, WorkFailed};
use super::task::Shared;
use crate::{AdmittedJob, Gate, ReceivedJob};

/// How much longer than its time limit a job is out of the sight of other workers: its end is written in that time.
const MARGIN: Duration = Duration::from_secs(60);

/// Runs the jobs of the queue, of several tenants at a time.
///
/// Tenants are served in turn, one job each, and no tenant has more than its bound of jobs running in this process. So a
/// tenant with a hundred thousand jobs does not hold up another one's first.
///
/// A job runs at least once: if a process ends between the work and the note of it, the job runs again. Work that must not
/// be done twice records [`ReceivedJob::id`] in its own transaction.
pub struct PgWorker<D> {
    shared: Arc<Shared<D>>,
    names: Vec<String>,
    concurrency: usize,
    per_tenant: usize,
    poll: Duration,
}

/// What a worker does and how; made by [`PgWorker::builder`].
pub struct PgWorkerBuilder<D> {
    shared: Shared<D>,
    concurrency: usize,
    per_tenant: Option<usize>,
    poll: Duration,
}

impl<D: Directory + 'static> PgWorker<D> {
    /// A worker without any work so far. `pool` connects to the queue's database in the worker's role.
    #[must_use]
    pub fn builder(pool: PgPool, gate: Gate<D>) -> PgWorkerBuilder<D> {
        PgWorkerBuilder {
            shared: Shared {
                pool,
                gate,
                work: HashMap::new(),
                observer: None,
                max_attempts: 20,
                first_retry: Duration::from_secs(2),
                later: Duration::from_secs(30),
                time_limit: Duration::from_secs(300),
            },
            concurrency: 8,
            per_tenant: None,
            poll: Duration::from_secs(1),
        }
    }

    /// Runs jobs until `stop` is ready, and then waits for those that run. While the database cannot be reached it logs
    /// an error and tries again. Dropped, it ends the jobs that run, and they run again when their time limit is over.
    pub async fn run_until(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut running = Running::default();
        loop {
            let is_idle = match self.fill(&mut running).await {
                Ok(()) => running.tasks.len() < self.concurrency,
                Err(error) => {
                    tracing::error!(%error, "failed to take a job out of the queue");
                    true
                }
            };
            tokio::select! {
                () = &mut stop => break,
                true = running.next(self.shared.later) => {}
                () = tokio::time::sleep(self.poll), if is_idle => {}
            }
        }
        while running.next(self.shared.later).await {}
    }

    /// Runs the jobs that are due, until none is, for tests and commands.
    ///
    /// # Errors
    ///
    /// If the queue cannot be read. The jobs that run have ended by then.
    pub async fn run_due(&self) -> Result<(), sqlx::Error> {
        let mut running = Running::default();
        loop {
            let filled = self.fill(&mut running).await;
            if filled.is_err() {
                while running.next(self.shared.later).await {}
                return filled;
            }
            if !running.next(self.shared.later).await {
                return Ok(());
            }
        }
    }

    /// Takes jobs until as many run as may.
    async fn fill(&self, running: &mut Running) -> Result<(), sqlx::Error> {
        let lease = self.shared.time_limit.saturating_add(MARGIN);
        while running.tasks.len() < self.concurrency {
            let busy = running.busy(self.per_tenant);
            let Some(job) = claim(&self.shared.pool, &running.last, &busy, &self.names, lease).await? else {
                return Ok(());
            };
            running.spawn(&self.shared, job);
        }
        Ok(())
    }
}

impl<D: Directory + 'static> PgWorkerBuilder<D> {
    /// What is done with jobs of this name. Jobs of other names stay in the queue, for other workers. A second work of
    /// the same name replaces the first.
    #[must_use]
    pub fn with_job<T, E, F>(
        mut self,
        name: Subject,
        work: impl Fn(Admitted, ReceivedJob<T>) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let work = Arc::new(move |job: AdmittedJob| {
            let work = work.clone();
            let ran = async move { job.run(work).await.map_err(WorkFailed::from) };
            Box::pin(ran) as BoxFuture<'static, _>
        });
        self.shared.work.insert(name.as_str().to_owned(), work);
        self
    }

    /// How many jobs run at a time. The default is 8; 0 is 1.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }

    /// How many jobs of one tenant run at a time in this process. The default is half of the concurrency; 0 is 1.
    #[must_use]
    pub fn with_per_tenant(mut self, per_tenant: usize) -> Self {
        self.per_tenant = Some(per_tenant.max(1));
        self
    }

    /// In how many attempts a job may fail before it is given up. The default is 20; 0 is 1.
    #[must_use]
    pub fn with_max_attempts(mut self, max_attempts: u32) -> Self {
        self.shared.max_attempts = max_attempts.max(1);
        self
    }

    /// How long a job waits after its first failure; after each further one it is twice as long, up to an hour. The default
    /// is 2 seconds.
    #[must_use]
    pub const fn with_first_retry(mut self, first_retry: Duration) -> Self {
        self.shared.first_retry = first_retry;
        self
    }

    /// How long jobs wait whose tenant is suspended, or not known to be active; for that long the directory is queried for one
    /// job of the tenant. The default is 30 seconds.
    #[must_use]
    pub const fn with_later(mut self, later: Duration) -> Self {
        self.shared.later = later;
        self
    }

    /// After what time the work of a job is dropped, where it waits next. Work that computes for longer without waiting is
    /// not dropped, and may then run twice at a time. The default is 5 minutes.
    #[must_use]
    pub const fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.shared.time_limit = time_limit;
        self
    }

    /// How often the queue is looked at while nothing is due. The default is a second.
    #[must_use]
    pub const fn with_poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Is called with what has become of each job, after it is written.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Fn(&JobEvent<'_>) + Send + Sync + 'static) -> Self {
        self.shared.observer = Some(Arc::new(observer));
        self
    }

    /// The worker.
    #[must_use]
    pub fn build(self) -> PgWorker<D> {
        PgWorker {
            names: self.shared.work.keys().cloned().collect(),
            per_tenant: self.per_tenant.unwrap_or_else(|| (self.concurrency / 2).max(1)),
            shared: Arc::new(self.shared),
            concurrency: self.concurrency,
            poll: self.poll,
        }
    }
}

/// The jobs that run, and whose they are. Dropped, it ends them.
#[derive(Default)]
struct Running {
    tasks: JoinSet<bool>,
    tenants: HashMap<Id, String>,
    /// The tenants whose jobs wait, and until when: the directory is not queried for each of their jobs.
    resting: HashMap<String, Instant>,
    /// Whose turn it was last.
    last: String,
}

impl Running {
    fn spawn<D: Directory + 'static>(&mut self, shared: &Arc<Shared<D>>, job: Claimed) {
        let shared = Arc::clone(shared);
        job.tenant.clone_into(&mut self.last);
        let tenant = job.tenant.clone();
        let task = self.tasks.spawn(async move { shared.run(&job).await });
        self.tenants.insert(task.id(), tenant);
    }

    /// The tenants that have as many jobs running as they may, or none.
    fn busy(&mut self, per_tenant: usize) -> Vec<String> {
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        let mut counts = HashMap::<&String, usize>::new();
        for tenant in self.tenants.values() {
            *counts.entry(tenant).or_default() += 1;
        }
        let busy = counts.into_iter().filter(|(_, count)| *count >= per_tenant);
        busy.map(|(tenant, _)| tenant)
            .chain(self.resting.keys())
            .cloned()
            .collect()
    }

    /// Waits until a job ends; `false` if none runs.
    async fn next(&mut self, later: Duration) -> bool {
        let Some(ended) = self.tasks.join_next_with_id().await else {
            return false;
        };
        let (id, rests) = ended.unwrap_or_else(|error| (error.id(), false));
        let tenant = self.tenants.remove(&id);
        if let (Some(tenant), true, Some(until)) = (tenant, rests, Instant::now().checked_add(later)) {
            self.resting.insert(tenant, until);
        }
        true
    }
}

impl<D> fmt::Debug for PgWorker<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgWorker")
            .field("names", &self.names)
            .field("concurrency", &self.concurrency)
            .field("per_tenant", &self.per_tenant)
            .finish_non_exhaustive()
    }
}

impl<D> fmt::Debug for PgWorkerBuilder<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgWorkerBuilder").finish_non_exhaustive()
    }
}

//! A job that runs for every active tenant, some at a time.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;

use tenancy_core::context;
use tenancy_core::directory::TenantStatus;
use tenancy_core::enforce::{Admitted, JobRefused, admit_job};
use tenancy_core::names::{Subject, TenantId};
use tokio::task::{Id, JoinError, JoinSet};

use super::progress::{JobError, JobInterrupted, JobProgress, JobSummary};
use crate::{DirectoryDatabase, DirectoryError, PageRequest, SqlDirectory};

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Runs `work` for every active tenant, for at most `at_once` of them at a time.
    ///
    /// Each tenant is [admitted](admit_job) anew before its work begins, under the subject `job`: one that was suspended or
    /// removed since it was listed is skipped. The work runs as a task of its own, in the tenant's
    /// [scope](tenancy_core::context), so `begin_current` and `run_current` are its tenant's. If it fails or panics, the
    /// others continue. `observe` is called for each step, in the order in which it is known.
    ///
    /// Tenants are read page by page, so memory does not grow with their number. A tenant that becomes active meanwhile is
    /// reached if its id is still to come.
    ///
    /// It needs a tokio runtime.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # async fn example(
    /// #     directory: tenancy_sqlx::SqliteDirectory,
    /// #     db: tenancy_sqlx::TenantDb<sqlx::Sqlite>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::num::NonZeroUsize;
    ///
    /// use tenancy_core::names::Subject;
    /// use tenancy_sqlx::{JobProgress, TransactionError};
    ///
    /// let at_once = NonZeroUsize::new(4).ok_or("not zero")?;
    /// let work = move |tenant| {
    ///     let db = db.clone();
    ///     async move {
    ///         db.run(&tenant, async |tx| {
    ///             sqlx::query("delete from notes where is_draft").execute(&mut **tx).await?;
    ///             Ok::<_, anyhow::Error>(())
    ///         })
    ///         .await
    ///     }
    /// };
    /// let summary = directory
    ///     .for_each_active(&Subject::from_static("clean-up"), at_once, work, |progress| {
    ///         if let JobProgress::Failed(tenant, error) = progress {
    ///             eprintln!("{tenant}: {error:?}");
    ///         }
    ///     })
    ///     .await?;
    /// println!("{} done, {} failed", summary.done, summary.failed);
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Dropped, it ends the tasks that run, each where it waits next; a transaction that is not committed by then is rolled
    /// back. Work that must not be done twice for a tenant records in its own transaction that it was done.
    ///
    /// # Errors
    ///
    /// [`JobInterrupted`] if the directory cannot be read on; it has what was done until then. That a tenant's work fails is
    /// no error of this: look at [`JobSummary::failed`].
    #[doc(alias = "background job")]
    #[doc(alias = "for_each_tenant")]
    pub async fn for_each_active<E, F, W>(
        &self,
        job: &Subject,
        at_once: NonZeroUsize,
        work: W,
        mut observe: impl FnMut(JobProgress<'_, E>),
    ) -> Result<JobSummary, JobInterrupted>
    where
        E: Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        W: Fn(Admitted) -> F + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        let mut listed = Listed::new(self);
        let mut running = Running::default();
        let mut summary = JobSummary::default();
        let mut interrupted = None;
        loop {
            while running.len() < at_once.get() && interrupted.is_none() {
                match listed.next().await {
                    Ok(Some(tenant)) => {
                        observe(JobProgress::Started(&tenant));
                        let (directory, job, work) = (self.clone(), job.clone(), Arc::clone(&work));
                        running.spawn(tenant, move |tenant| run_one(directory, tenant, job, work));
                    }
                    Ok(None) => break,
                    Err(error) => interrupted = Some(error),
                }
            }
            let Some((tenant, outcome)) = running.next().await else {
                return match interrupted {
                    Some(source) => Err(JobInterrupted { summary, source }),
                    None => Ok(summary),
                };
            };
            match outcome {
                Ok(HasRun::Yes) => {
                    summary.done += 1;
                    observe(JobProgress::Done(&tenant));
                }
                Ok(HasRun::NotActive) => {
                    summary.skipped += 1;
                    observe(JobProgress::Skipped(&tenant));
                }
                Err(error) => {
                    summary.failed += 1;
                    observe(JobProgress::Failed(&tenant, &error));
                }
            }
        }
    }
}

/// Whether the work has run for a tenant.
enum HasRun {
    Yes,
    NotActive,
}

/// The tenant's part of a job. The directory is asked again: the list may be old by the time that this runs.
async fn run_one<DB, E, F, W>(
    directory: SqlDirectory<DB>,
    tenant: TenantId,
    job: Subject,
    work: Arc<W>,
) -> Result<HasRun, JobError<E>>
where
    DB: DirectoryDatabase,
    F: Future<Output = Result<(), E>>,
    W: Fn(Admitted) -> F,
{
    let admitted = match admit_job(&directory, &tenant, job).await {
        Ok(admitted) => admitted,
        Err(JobRefused::Unknown { .. } | JobRefused::NotActive { .. }) => return Ok(HasRun::NotActive),
        Err(refused) => return Err(JobError::Refused(refused)),
    };
    let scoped = context::scope_with(admitted.clone(), || work(admitted));
    scoped.await.map(|()| HasRun::Yes).map_err(JobError::Work)
}

/// The active tenants, of which one page is in memory.
struct Listed<'d, DB: DirectoryDatabase> {
    directory: &'d SqlDirectory<DB>,
    page: VecDeque<TenantId>,
    next: Option<PageRequest<TenantId>>,
}

impl<'d, DB: DirectoryDatabase> Listed<'d, DB> {
    fn new(directory: &'d SqlDirectory<DB>) -> Self {
        Self {
            directory,
            page: VecDeque::new(),
            next: Some(PageRequest::first()),
        }
    }

    async fn next(&mut self) -> Result<Option<TenantId>, DirectoryError> {
        while self.page.is_empty()
            && let Some(request) = &self.next
        {
            let page = self.directory.page_with_status(TenantStatus::Active, request).await?;
            self.page.extend(page.items.iter().map(|entry| entry.record.id.clone()));
            self.next = page.next;
        }
        Ok(self.page.pop_front())
    }
}

/// The tasks that run, and whose they are: a task that panics cannot say it any more. Dropped, it ends them.
struct Running<E> {
    tasks: JoinSet<Result<HasRun, JobError<E>>>,
    tenants: HashMap<Id, TenantId>,
}

impl<E> Default for Running<E> {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            tenants: HashMap::new(),
        }
    }
}

impl<E: Send + 'static> Running<E> {
    fn len(&self) -> usize {
        self.tasks.len()
    }

    fn spawn<F>(&mut self, tenant: TenantId, run: impl FnOnce(TenantId) -> F)
    where
        F: Future<Output = Result<HasRun, JobError<E>>> + Send + 'static,
    {
        let task = self.tasks.spawn(run(tenant.clone()));
        self.tenants.insert(task.id(), tenant);
    }

    /// What the next task that ends has come to, or `None` if none runs.
    async fn next(&mut self) -> Option<(TenantId, Result<HasRun, JobError<E>>)> {
        loop {
            let (id, outcome) = match self.tasks.join_next_with_id().await? {
                Ok(ended) => ended,
                Err(error) => (error.id(), Err(error_of(error))),
            };
            if let Some(tenant) = self.tenants.remove(&id) {
                return Some((tenant, outcome));
            }
        }
    }
}

fn error_of<E>(error: JoinError) -> JobError<E> {
    match error.try_into_panic() {
        Ok(payload) => JobError::Panicked {
            message: message(&*payload).to_owned(),
        },
        Err(_) => JobError::Ended,
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic whose payload is no text")
}

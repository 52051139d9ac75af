//! A job in the background: new tickets are judged after they are answered.

use tenancy::Postgres;
use tenancy::enforce::{JobRefused, admit_job};
use tenancy::names::{Subject, TenantId};
use tenancy::sql::{SqlDirectory, TenantDb};
use tokio::sync::mpsc;

use crate::App;
use crate::error::AppError;

/// A job carries its tenant by name. What a request was admitted to is not carried over: by the time that the job runs, the
/// tenant may be suspended.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) tenant: TenantId,
    pub(crate) number: i64,
}

impl App {
    /// The queue is in memory, so that a crash forgets it: a ticket that was not judged is of normal priority.
    pub(crate) fn enqueue(&self, job: Job) {
        if let Err(error) = self.jobs.try_send(job) {
            tracing::warn!(%error, "a ticket is not judged");
        }
    }
}

pub(crate) async fn work(directory: SqlDirectory<Postgres>, db: TenantDb<Postgres>, mut received: mpsc::Receiver<Job>) {
    while let Some(job) = received.recv().await {
        if let Err(error) = judge(&directory, &db, &job).await {
            tracing::error!(
                ?job,
                error = &error as &dyn std::error::Error,
                "failed to judge a ticket"
            );
        }
    }
}

async fn judge(directory: &SqlDirectory<Postgres>, db: &TenantDb<Postgres>, job: &Job) -> Result<(), AppError> {
    let tenant = match admit_job(directory, &job.tenant, Subject::from_static("triage")).await {
        Ok(tenant) => tenant,
        Err(JobRefused::Directory(error)) => return Err(error.into()),
        Err(refused) => {
            tracing::info!(?job, %refused, "a ticket is not judged");
            return Ok(());
        }
    };
    db.run(&tenant, async |tx| {
        let sql = "update tickets set priority = 'high' where number = $1 and title ilike '%urgent%'";
        sqlx::query(sql).bind(job.number).execute(&mut **tx).await?;
        Ok(())
    })
    .await
}

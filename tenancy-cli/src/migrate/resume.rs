//! `migrate resume`: a run that ended early, or that another process works on.

use tenancy_sqlx::fleet::{Fleet, FleetProgress, ResumeOptions};

use super::report;
use super::run::watched;
use crate::args::{Change, ResumeRun};
use crate::interrupt::Interrupt;
use crate::output::{Answer, Failure};
use crate::site::{Operated, Site};

pub(crate) async fn resume<DB: Operated>(
    site: &Site<'_>,
    resume: &ResumeRun,
    interrupt: &Interrupt,
) -> Result<Answer, Failure> {
    let mut options = ResumeOptions::new();
    if resume.retry_failed {
        options = options.with_failed();
    }
    if let Some(jobs) = resume.jobs {
        options = options.with_jobs(jobs);
    }
    if let Some(max_failures) = resume.max_failures {
        options = options.with_max_failures(max_failures);
    }
    let data = site.migrations::<DB>(Some(&Change::default())).await?;
    let resumed = match Fleet::new(data.directory.clone(), &data.db) {
        Ok(fleet) => {
            watched(site.output, interrupt, async |board, stop| {
                let observe = |progress: FleetProgress<'_>| board.observe(&progress, site.output);
                fleet.resume(resume.run, &options, &stop, observe).await
            })
            .await
        }
        Err(error) => Err(error.into()),
    };
    data.close().await;
    Ok(report::answer(&resumed?, "migrate run"))
}

//! `check`: everything that could be wrong, one look after the other. Nothing is changed.

use tenancy::{Description, OpenDatabase, OpenError};
use tenancy_sqlx::{PageRequest, SqlDirectory, TenantJobs};

use super::checked::Checked;
use super::findings::{Checks, Finding, State};
use super::migrations;
use crate::fence::{self, Depth};
use crate::output::{Answer, Failure, chain, time};
use crate::site::{Operated, Site};

pub(crate) async fn check<DB: Checked>(site: &Site<'_>) -> Result<Answer, Failure> {
    let mut checks = Checks::default();
    // Without it there is nothing to look at.
    let description: Description<DB> = site.open::<DB>().describe().await?;
    checks.add("file", State::Fine);
    let is_there = DB::check(&description, &mut checks).await;
    match DB::reach(&description).await {
        Ok(()) => {
            look_at_directory::<DB>(site, &description, &mut checks).await;
        }
        Err(failure) => {
            checks.add("directory", State::Failed(failure));
            return Ok(checks.answer());
        }
    }
    if is_there {
        look_at_strategies::<DB>(site, &mut checks).await;
        if DB::sees_jobs(&description) {
            migrations::look::<DB>(site, &mut checks).await;
        }
        let verified = DB::verify(site, &description).await;
        let findings = verified.map(|verification| verification.findings);
        checks.add("isolation", State::of_result(findings));
    }
    Ok(checks.answer())
}

async fn look_at_directory<DB: Operated>(site: &Site<'_>, description: &Description<DB>, checks: &mut Checks) {
    let directory = match site.open::<DB>().directory_alone().read_only().await {
        Ok(directory) => directory,
        Err(error) => {
            checks.add("directory", State::Failed(error.into()));
            return;
        }
    };
    checks.add("directory", State::Fine);
    if DB::sees_jobs(description) {
        checks.add("jobs", State::of_result(unfinished(&directory).await));
    }
    let surveyed = fence::survey(description, &directory, Depth::AsTheFileSays).await;
    checks.add("fence", State::of_result(surveyed.map(|survey| survey.findings())));
    directory.close().await;
}

/// Creations that were not completed, and deletions that began.
async fn unfinished<DB: OpenDatabase>(directory: &SqlDirectory<DB>) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let mut request = Some(PageRequest::first());
    while let Some(page) = request {
        let page = directory.unfinished_jobs(&page).await?;
        findings.extend(page.items.iter().map(job));
        request = page.next;
    }
    Ok(findings)
}

fn job(jobs: &TenantJobs) -> Finding {
    let id = &jobs.id;
    match jobs.deletion_began_at {
        Some(at) => Finding::new(
            "deletion_began",
            format!("the deletion of the tenant `{id}` began {}, and is not done", time(at)),
        )
        .run(format!("tenant delete {id} --grace 0s --confirm {id}")),
        None => Finding::new(
            "creation_unfinished",
            format!("the creation of the tenant `{id}` was never completed"),
        )
        .run(format!("tenant create {id} --resume")),
    }
}

/// Opens every strategy as a process that only serves, which writes nothing on PostgreSQL.
async fn look_at_strategies<DB: Operated>(site: &Site<'_>, checks: &mut Checks) {
    let opened = site.open::<DB>().without_http().serving_only().await;
    let findings = match opened {
        Ok(data) => {
            data.close().await;
            Ok(Vec::new())
        }
        Err(OpenError::Open(failures)) => {
            let of_strategies = failures
                .failures()
                .iter()
                .filter(|failure| failure.key() != "directory");
            let findings = of_strategies.map(|failure| {
                let message = format!("`{}` does not open: {}", failure.key(), chain(failure.error()));
                match failure.advice() {
                    Some(advice) => Finding::new("fence_mismatch", message).advise(advice),
                    None => Finding::new("not_opened", message).advise("mend what the finding says, and check again"),
                }
            });
            let mut findings: Vec<Finding> = findings.collect();
            let of_directory = failures
                .failures()
                .iter()
                .filter(|failure| failure.key() == "directory");
            findings.extend(of_directory.map(|failure| {
                let message = format!(
                    "the application's role does not read the directory: {}",
                    chain(failure.error())
                );
                Finding::new("directory_unreadable", message).run("init")
            }));
            Ok(findings)
        }
        Err(error) => Err(error.into()),
    };
    checks.add("strategies", State::of_result(findings));
}

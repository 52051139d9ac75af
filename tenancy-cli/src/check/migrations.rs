//! Tenants that are behind the migrations of this release, or ahead of them.

use tenancy::{Data, OpenDatabase, OpenError};
use tenancy_sqlx::fleet::{Fleet, FleetOptions, RunSummary};

use super::findings::{Checks, Finding, State};
use crate::migrate;
use crate::output::{Failure, Next};
use crate::site::{Operated, Site};

/// Looks how tenants stand, if a strategy has migrations. One that does not open is found by another look.
pub(super) async fn look<DB: Operated>(site: &Site<'_>, checks: &mut Checks) {
    let looked = match site.open::<DB>().for_migrations().read_only().await {
        Ok(data) => {
            let findings = findings(&data).await;
            data.close().await;
            findings
        }
        Err(OpenError::Open(_)) => return,
        Err(error) => Err(error.into()),
    };
    checks.add("migrations", State::of_result(looked));
}

async fn findings<DB: OpenDatabase>(data: &Data<DB>) -> Result<Vec<Finding>, Failure> {
    let fleet = Fleet::new(data.directory.clone(), &data.db)?;
    let plan = fleet.plan(&FleetOptions::new(), |_| {}).await?;
    let mut findings = migrate::findings(&plan, "migrate run");
    // What a run has left is of no interest once nothing is behind.
    if plan.behind() > 0
        && let Some((run, next)) = migrate::latest(&data.directory).await?
    {
        findings.insert(0, unfinished(&run, next));
    }
    Ok(findings)
}

fn unfinished(run: &RunSummary, next: Vec<Next>) -> Finding {
    let left = run.pending + run.running;
    let how = if run.is_alive {
        "is under way"
    } else {
        "is not finished"
    };
    let message = format!(
        "the run {} of migrations {how}: {} failed, and {left} are left",
        run.id, run.failed
    );
    Finding {
        next,
        ..Finding::new("run_unfinished", message)
    }
}

//! `migrate plan`: how tenants stand. Nothing is changed.

use serde_json::json;
use tenancy::{Data, OpenDatabase};
use tenancy_sqlx::fleet::{Fleet, FleetOptions, FleetPlan};

use super::chosen::chosen;
use super::standing::{self, Behind};
use crate::args::{PlanMigrations, Selection};
use crate::check::Finding;
use crate::interrupt::Interrupt;
use crate::output::{Answer, Exit, Failure, printable};
use crate::site::{Operated, Site};

pub(crate) async fn plan<DB: Operated>(
    site: &Site<'_>,
    plan: &PlanMigrations,
    interrupt: &Interrupt,
) -> Result<Answer, Failure> {
    let data = site.migrations::<DB>(None).await?;
    let looking = async {
        let options = chosen(&data, &plan.scope, None).await?;
        look(&data, &options).await
    };
    let looked = tokio::select! {
        biased;
        looked = looking => Some(looked),
        () = interrupt.raised() => None,
    };
    data.close().await;
    let Some(looked) = looked else {
        return Ok(Answer::interrupted());
    };
    let (plan_found, behind) = looked?;
    let selection = &plan.scope.selection;
    let findings = standing::findings(&plan_found, &run_again(selection, plan.scope.includes_archived()));
    let answer = told(&plan_found, behind, &findings);
    if findings.is_empty() {
        return Ok(answer);
    }
    let next = findings.into_iter().flat_map(|finding| finding.next);
    Ok(next.fold(answer, Answer::and).ending(Exit::Found))
}

/// Looks how tenants stand, and lists the first that are behind.
pub(super) async fn look<DB: OpenDatabase>(
    data: &Data<DB>,
    options: &FleetOptions,
) -> Result<(FleetPlan, Behind), Failure> {
    let fleet = Fleet::new(data.directory.clone(), &data.db)?;
    let mut behind = Behind::default();
    let plan = fleet.plan(options, |planned| behind.observe(&planned)).await?;
    Ok((plan, behind))
}

/// The command that migrates the same tenants.
pub(super) fn run_again(selection: &Selection, includes_archived: bool) -> String {
    let archived = if includes_archived { " --include-archived" } else { "" };
    format!("migrate run{}{archived}", selection.arguments())
}

/// The plan as text and for machines.
pub(super) fn told(plan: &FleetPlan, behind: Behind, findings: &[Finding]) -> Answer {
    let mut text = standing::table(plan).to_string();
    text.push_str(&behind.text(plan.behind()));
    for finding in findings {
        text.push_str(&format!("finding  {}\n", printable(&finding.message)));
    }
    Answer::new(text)
        .with("behind", plan.behind())
        .with("strategies", standing::machine(plan))
        .with("unknown_strategies", json!(plan.unknown_strategies))
        .with("tenants", behind.machine())
        .with("findings", findings.iter().map(Finding::machine).collect::<Vec<_>>())
}

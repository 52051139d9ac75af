//! Tenants led to another stage of their lives, one after the other.

use serde_json::{Value, json};
use tenancy::lifecycle::{Next as Transition, Stage, Verb};
use tenancy::names::TenantId;
use tenancy_sqlx::{LifecycleError, SqlDirectory};

use super::select::{Selected, select};
use crate::args::LeadTenants;
use crate::fence;
use crate::interrupt::Interrupt;
use crate::output::{Answer, Exit, Failure, Next, Progress, confirm_many};
use crate::site::{Operated, Site, entry};

pub(crate) async fn lead<DB: Operated>(
    site: &Site<'_>,
    verb: Verb,
    lead: &LeadTenants,
    interrupt: &Interrupt,
) -> Result<Answer, Failure> {
    let change = &lead.confirmed.change;
    if change.dry_run {
        let directory = site.writer::<DB>(change).await?;
        let led = each(&directory, verb, lead, interrupt).await;
        directory.close().await;
        return led;
    }
    let fenced = fence::databases::<DB>(site).await?;
    let data = site.places::<DB>(change, &fenced).await?;
    let led = each(&data.directory, verb, lead, interrupt).await;
    data.close().await;
    led
}

async fn each<DB: Operated>(
    directory: &SqlDirectory<DB>,
    verb: Verb,
    lead: &LeadTenants,
    interrupt: &Interrupt,
) -> Result<Answer, Failure> {
    let change = &lead.confirmed.change;
    let selected = select(directory, &lead.selection).await?;
    let ids = selected.ids();
    if let (Selected::Matching(_), false) = (&selected, change.dry_run)
        && !ids.is_empty()
    {
        let question = format!("{} {}", word(verb), tenants(ids.len()));
        confirm_many(&question, lead.confirmed.yes)?;
    }
    let mut outcomes = Vec::with_capacity(ids.len());
    let mut progress = Progress::new(word(verb), ids.len());
    for id in ids {
        if interrupt.is_raised() {
            break;
        }
        progress.at(id.as_str());
        let done = if change.dry_run {
            look(directory, verb, id).await
        } else {
            by_verb(directory, verb, id).await
        };
        outcomes.push((id, done));
        progress.step();
    }
    progress.end();
    if let ([(_, Err(failure))], 1) = (outcomes.as_slice(), ids.len()) {
        return Err(failure.clone());
    }
    let left = ids.len() - outcomes.len();
    Ok(report(verb, &outcomes, left, change.dry_run))
}

async fn by_verb<DB: Operated>(directory: &SqlDirectory<DB>, verb: Verb, id: &TenantId) -> Result<bool, Failure> {
    let done: Result<bool, LifecycleError> = match verb {
        Verb::Suspend => directory.suspend(id).await,
        Verb::Archive => directory.archive(id).await,
        Verb::Restore => directory.restore(id).await,
        _ => directory.activate(id).await,
    };
    Ok(done?)
}

/// What the verb would do.
async fn look<DB: Operated>(directory: &SqlDirectory<DB>, verb: Verb, id: &TenantId) -> Result<bool, Failure> {
    use tenancy::directory::TenantEntry as _;
    let found = entry(directory, id).await?;
    let jobs = directory.jobs_of(id).await.ok().flatten();
    if verb == Verb::Activate && jobs.as_ref().is_some_and(|jobs| jobs.is_creation_unfinished) {
        return Err(LifecycleError::CreationUnfinished { id: id.clone() }.into());
    }
    if verb == Verb::Restore && jobs.is_some_and(|jobs| jobs.deletion_began_at.is_some()) {
        return Err(LifecycleError::DeletionBegan { id: id.clone() }.into());
    }
    let next = verb.apply(Stage::from(found.record().status));
    let next = next.map_err(|source| LifecycleError::Illegal { id: id.clone(), source })?;
    Ok(next != Transition::Unchanged)
}

type Outcome<'t> = (&'t TenantId, Result<bool, Failure>);

fn report(verb: Verb, outcomes: &[Outcome<'_>], left: usize, dry_run: bool) -> Answer {
    let status = verb.target().as_str();
    let would = if dry_run { "would be" } else { "is" };
    let mut lines = Vec::new();
    let mut machine: Vec<Value> = Vec::new();
    let mut next: Vec<Next> = Vec::new();
    for (id, done) in outcomes {
        match done {
            Ok(changed) => {
                let already = if *changed { "" } else { " already" };
                let is = if *changed { would } else { "is" };
                lines.push(format!("the tenant `{id}` {is} {status}{already}"));
                machine.push(json!({ "id": id.as_str(), "changed": changed, "status": status }));
            }
            Err(failure) => {
                let how = if failure.exit() == Exit::Part {
                    "pending"
                } else {
                    "failed"
                };
                lines.push(format!("{how}: {}", failure.message()));
                let error = json!({ "code": failure.code(), "message": failure.message() });
                // The directory has changed, and the place has not.
                let is_pending = failure.exit() == Exit::Part;
                machine.push(json!({ "id": id.as_str(), "changed": is_pending, "error": error }));
                next.extend_from_slice(failure.next());
            }
        }
    }
    if lines.is_empty() && left == 0 {
        lines.push("no tenant is selected".to_owned());
    }
    let is_failed = |done: &Result<bool, Failure>| done.as_ref().is_err_and(|failure| failure.exit() != Exit::Part);
    let failed = outcomes.iter().filter(|(_, done)| is_failed(done)).count();
    let pending = outcomes.iter().filter(|(_, done)| done.is_err()).count() - failed;
    let exit = match (failed, outcomes.len(), left) {
        (_, _, left) if left > 0 => Exit::Interrupted,
        (0, ..) if pending == 0 => Exit::Done,
        (failed, all, _) if failed == all => Exit::Failed,
        _ => Exit::Part,
    };
    let mut answer = Answer::new(lines.join("\n")).with("tenants", machine).ending(exit);
    if dry_run {
        answer = answer.with("dry_run", true);
    }
    if left > 0 {
        answer = answer
            .with("left", left)
            .advise(format!("give the same command again: {} are left", tenants(left)));
    }
    next.into_iter().fold(answer, Answer::and)
}

const fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Suspend => "suspend",
        Verb::Archive => "archive",
        Verb::Restore => "restore",
        _ => "activate",
    }
}

fn tenants(number: usize) -> String {
    if number == 1 {
        "1 tenant".to_owned()
    } else {
        format!("{number} tenants")
    }
}

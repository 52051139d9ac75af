//! `fence finish`: places follow the directory that do not yet.

use serde_json::{Value, json};
use tenancy::names::TenantId;
use tenancy::{Data, Description, OpenDatabase};

use super::survey::{Depth, Difference, Survey, survey};
use crate::args::FenceFinish;
use crate::interrupt::Interrupt;
use crate::output::{Answer, Exit, Failure, Next, Progress, confirm_many};
use crate::site::{Operated, Site};

/// What became of each tenant's place.
pub(super) type Outcomes = Vec<(TenantId, Result<(), Failure>)>;

const RESTORED: [Difference; 2] = [Difference::PlaceAhead, Difference::PlaceOlder];

pub(crate) async fn finish<DB: Operated>(
    site: &Site<'_>,
    finish: &FenceFinish,
    interrupt: &Interrupt,
) -> Result<Answer, Failure> {
    let change = &finish.confirmed.change;
    let seen = look::<DB>(site).await?;
    let pending = seen.differing(&[Difference::Pending]);
    let restored = seen.differing(&RESTORED);
    if change.dry_run {
        let both = pending.iter().chain(restored.iter().filter(|_| finish.restored));
        let ids: Vec<Value> = both.map(|id| id.as_str().into()).collect();
        return Ok(Answer::new(format!("{} would be written", places(ids.len())))
            .with("dry_run", true)
            .with("tenants", ids));
    }
    let anew = if finish.restored { restored.clone() } else { Vec::new() };
    if !anew.is_empty() {
        let question = format!(
            "write {} anew as the directory says, whatever was suspended or activated since its backup",
            places(anew.len())
        );
        confirm_many(&question, finish.confirmed.yes)?;
    }
    let data = site.places::<DB>(change, &seen.with_places()).await?;
    let outcomes = follow(&data, &pending, &anew, interrupt).await;
    data.close().await;
    let left = pending.len() + anew.len() - outcomes.len();
    let mut answer = report(&outcomes, left);
    if !finish.restored && !restored.is_empty() {
        answer = answer.run("fence finish --restored");
    }
    Ok(answer)
}

async fn look<DB: Operated>(site: &Site<'_>) -> Result<Survey, Failure> {
    let description: Description<DB> = site.open::<DB>().describe().await?;
    if !DB::sees_jobs(&description) {
        return Err(Failure::needs_administrator());
    }
    let directory = site.reader::<DB>().await?;
    let seen = survey(&description, &directory, Depth::Whole).await;
    directory.close().await;
    seen
}

/// Lets the places of these follow, and writes those anew, until it is interrupted.
pub(super) async fn follow<DB: OpenDatabase>(
    data: &Data<DB>,
    pending: &[TenantId],
    anew: &[TenantId],
    interrupt: &Interrupt,
) -> Outcomes {
    let mut outcomes = Outcomes::new();
    let mut progress = Progress::new("finish", pending.len() + anew.len());
    for (id, is_pending) in pending
        .iter()
        .map(|id| (id, true))
        .chain(anew.iter().map(|id| (id, false)))
    {
        if interrupt.is_raised() {
            break;
        }
        progress.at(id.as_str());
        let done = if is_pending {
            data.directory.finish_pending_place(id).await
        } else {
            data.directory.restate_place(id).await
        };
        outcomes.push((id.clone(), done.map_err(Failure::from)));
        progress.step();
    }
    progress.end();
    outcomes
}

/// 4 if something is pending still.
fn report(outcomes: &Outcomes, left: usize) -> Answer {
    let failures: Vec<&Failure> = outcomes.iter().filter_map(|(_, done)| done.as_ref().err()).collect();
    let finished = outcomes.len() - failures.len();
    let mut lines = vec![match finished {
        0 if failures.is_empty() => "every place follows the directory".to_owned(),
        1 => "1 place follows the directory now".to_owned(),
        finished => format!("{finished} places follow the directory now"),
    }];
    lines.extend(failures.iter().map(|failure| format!("pending: {}", failure.message())));
    let exit = match (left, failures.is_empty()) {
        (1.., _) => Exit::Interrupted,
        (_, false) => Exit::Part,
        _ => Exit::Done,
    };
    let answer = Answer::new(lines.join("\n"))
        .with("finished", finished)
        .with("tenants", machine(outcomes))
        .ending(exit);
    if exit == Exit::Done {
        return answer;
    }
    answer.and(Next::Do("give the same command again".to_owned()))
}

pub(super) fn machine(outcomes: &Outcomes) -> Vec<Value> {
    let one = |(id, done): &(TenantId, Result<(), Failure>)| match done {
        Ok(()) => json!({ "id": id.as_str(), "changed": true }),
        Err(failure) => {
            let error = json!({ "code": failure.code(), "message": failure.message() });
            json!({ "id": id.as_str(), "changed": false, "error": error })
        }
    };
    outcomes.iter().map(one).collect()
}

fn places(number: usize) -> String {
    if number == 1 {
        "1 place".to_owned()
    } else {
        format!("{number} places")
    }
}

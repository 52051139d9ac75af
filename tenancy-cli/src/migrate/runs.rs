//! `migrate status`, and `runs`: what the ledger of runs says.

use std::num::NonZeroU16;

use serde_json::{Value, json};
use tenancy::OpenDatabase;
use tenancy_sqlx::fleet::{Fleet, FleetError, RunFailure, RunId, RunState, RunSummary};
use tenancy_sqlx::{SqlDirectory, StrategyRegistry, TenantDb};

use super::failures;
use super::report::number;
use crate::args::RunStatus;
use crate::output::{Answer, Exit, Failure, Next, Table, printable, time};
use crate::site::{Operated, Site};

/// How many failures are listed.
const FAILURES: u16 = 1_000;

pub(crate) async fn status<DB: Operated>(site: &Site<'_>, status: &RunStatus) -> Result<Answer, Failure> {
    let found = read::<DB>(site, status.run).await?;
    let Some((run, failures)) = found else {
        return Ok(Answer::new("nothing was migrated by a run yet").with("run", Value::Null));
    };
    let answer = told(&run, &failures);
    Ok(match left(&run) {
        Some(next) => next.into_iter().fold(answer, Answer::and).ending(Exit::Found),
        None => answer,
    })
}

pub(crate) async fn show<DB: Operated>(site: &Site<'_>, run: RunId) -> Result<Answer, Failure> {
    let found = read::<DB>(site, Some(run)).await?;
    let (run, failures) = found.ok_or(FleetError::UnknownRun { run })?;
    let answer = told(&run, &failures);
    Ok(left(&run).into_iter().flatten().fold(answer, Answer::and))
}

pub(crate) async fn list<DB: Operated>(site: &Site<'_>, limit: NonZeroU16) -> Result<Answer, Failure> {
    let directory = reader::<DB>(site).await?;
    let runs = match ledger(&directory) {
        Ok(fleet) => fleet.runs(limit.get()).await,
        Err(error) => Err(error),
    };
    directory.close().await;
    let runs = runs?;
    let mut table = Table::new(["run", "state", "began", "done", "failed", "not begun", "by"]);
    for run in &runs {
        table.row([
            &run.id.to_string(),
            state(run),
            &time(run.started),
            &run.done.to_string(),
            &run.failed.to_string(),
            &(run.pending + run.running).to_string(),
            &run.actor,
        ]);
    }
    let machine: Vec<Value> = runs.iter().map(machine).collect();
    Ok(Answer::new(table.to_string()).with("runs", machine))
}

/// The latest run, if something of it is left, and which command goes on with it.
pub(crate) async fn latest<DB: OpenDatabase>(
    directory: &SqlDirectory<DB>,
) -> Result<Option<(RunSummary, Vec<Next>)>, FleetError> {
    let latest = ledger(directory)?.runs(1).await?.pop();
    Ok(latest.and_then(|run| left(&run).map(|next| (run, next))))
}

/// A run, or the latest, with what failed in it.
async fn read<DB: Operated>(
    site: &Site<'_>,
    run: Option<RunId>,
) -> Result<Option<(RunSummary, Vec<RunFailure>)>, Failure> {
    let directory = reader::<DB>(site).await?;
    let found = find(&directory, run).await;
    directory.close().await;
    Ok(found?)
}

async fn find<DB: OpenDatabase>(
    directory: &SqlDirectory<DB>,
    run: Option<RunId>,
) -> Result<Option<(RunSummary, Vec<RunFailure>)>, FleetError> {
    let fleet = ledger(directory)?;
    let summary = match run {
        Some(run) => Some(fleet.find_run(run).await?.ok_or(FleetError::UnknownRun { run })?),
        None => fleet.runs(1).await?.pop(),
    };
    let Some(summary) = summary else {
        return Ok(None);
    };
    let failures = fleet.failures(summary.id, None, FAILURES).await?;
    Ok(Some((summary, failures)))
}

async fn reader<DB: Operated>(site: &Site<'_>) -> Result<SqlDirectory<DB>, Failure> {
    let description = site.open::<DB>().describe().await?;
    if !DB::sees_jobs(&description) {
        return Err(Failure::needs_administrator());
    }
    site.reader().await
}

/// The ledger of runs, which needs no strategies.
fn ledger<DB: OpenDatabase>(directory: &SqlDirectory<DB>) -> Result<Fleet<DB>, FleetError> {
    Fleet::new(directory.clone(), &TenantDb::<DB>::new(StrategyRegistry::new()))
}

/// What to do about what is left of a run; `None` if nothing is.
fn left(run: &RunSummary) -> Option<Vec<Next>> {
    let resume = format!("migrate resume {}", run.id);
    match run.state {
        RunState::Done => None,
        RunState::Abandoned => {
            (run.failed + run.pending + run.running > 0).then(|| vec![Next::Run("migrate plan".to_owned())])
        }
        RunState::Failed if run.failed > 0 => Some(vec![Next::Run(format!("{resume} --retry-failed"))]),
        _ => Some(vec![Next::Run(resume)]),
    }
}

const fn state(run: &RunSummary) -> &'static str {
    match run.state {
        RunState::Planning | RunState::Running if !run.is_alive => "ended without a word",
        state => state.as_str(),
    }
}

fn machine(run: &RunSummary) -> Value {
    json!({
        "id": number(run.id),
        "state": run.state.as_str(),
        "alive": run.is_alive,
        "actor": run.actor,
        "reason": run.reason,
        "started": time(run.started),
        "finished": run.finished.map(time),
        "done": run.done,
        "failed": run.failed,
        "running": run.running,
        "pending": run.pending,
        "skipped": run.skipped,
    })
}

fn told(run: &RunSummary, failures: &[RunFailure]) -> Answer {
    let mut text = format!(
        "run {}: {}, {} done, {} failed, {} running, {} not begun; begun {} by {}",
        run.id,
        state(run),
        run.done,
        run.failed,
        run.running,
        run.pending,
        time(run.started),
        run.actor
    );
    if let Some(reason) = &run.reason {
        text.push_str(&format!(" ({reason})"));
    }
    let mut text = printable(&text);
    for failure in failures {
        text.push('\n');
        text.push_str(&failures::text(failure));
    }
    let failures: Vec<Value> = failures.iter().map(failures::machine).collect();
    Answer::new(text).with("run", machine(run)).with("failures", failures)
}

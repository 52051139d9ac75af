//! What a run has come to.

use serde_json::{Value, json};
use tenancy_sqlx::fleet::{FleetReport, RunEnd, RunId};

use super::{failures, standing};
use crate::output::{Answer, Exit, Next, printable};

/// The answer of a run. `again` is the command that begins another one, which finds what is left.
pub(super) fn answer(report: &FleetReport, again: &str) -> Answer {
    let exit = exit(report);
    // Of a run that was stopped nobody has looked at the rest.
    let is_looked_at = report.ended != RunEnd::Stopped;
    let findings = standing::findings(&report.fleet, again);
    let mut text = headline(report);
    for failure in &report.failures {
        text.push_str(&failures::text(failure));
        text.push('\n');
    }
    if is_looked_at {
        text.push_str(&standing::table(&report.fleet).to_string());
    }
    for finding in &findings {
        text.push_str(&format!("finding  {}\n", printable(&finding.message)));
    }
    let failures: Vec<Value> = report.failures.iter().map(failures::machine).collect();
    let mut answer = Answer::new(text)
        .with("run", number(report.run))
        .with("ended", ended(report.ended))
        .with("done", report.done)
        .with("failed", report.failed)
        .with("pending", report.pending)
        .with("skipped", report.skipped)
        .with("behind", is_looked_at.then(|| report.fleet.behind()))
        .with("failures", failures)
        .with("strategies", standing::machine(&report.fleet))
        .with("unknown_strategies", json!(report.fleet.unknown_strategies))
        .ending(exit);
    if let Some(resume) = resume(report) {
        answer = answer.and(Next::Run(resume));
    }
    let is_left_to_resume = report.is_resumable();
    let next = findings.into_iter().flat_map(|finding| finding.next);
    // What the run has left is left to it.
    next.filter(|next| !is_left_to_resume || *next != Next::Run(again.to_owned()))
        .fold(answer, Answer::and)
}

/// 0 only if nothing is behind, and nothing is unknown.
fn exit(report: &FleetReport) -> Exit {
    if report.ended == RunEnd::Stopped {
        Exit::Interrupted
    } else if report.is_complete() {
        Exit::Done
    } else if report.failed > 0 && report.done == 0 {
        Exit::Failed
    } else {
        Exit::Part
    }
}

/// The command that goes on, if anything of the run is left.
fn resume(report: &FleetReport) -> Option<String> {
    let run = report.run;
    if report.ended == RunEnd::Stopped {
        return Some(format!("migrate resume {run}"));
    }
    if report.failed > 0 {
        return Some(format!("migrate resume {run} --retry-failed"));
    }
    (report.pending > 0).then(|| format!("migrate resume {run}"))
}

fn headline(report: &FleetReport) -> String {
    let FleetReport {
        run,
        done,
        failed,
        pending,
        ..
    } = report;
    let mut line = format!("run {run}: {done} done, {failed} failed, {pending} not begun");
    if report.skipped > 0 {
        line.push_str(&format!(", {} skipped", report.skipped));
    }
    match report.ended {
        RunEnd::TooManyFailures => line.push_str("; too many failed, so no other was begun"),
        RunEnd::Stopped => line.push_str("; it was interrupted"),
        _ => {}
    }
    line.push('\n');
    line
}

pub(super) const fn ended(end: RunEnd) -> &'static str {
    match end {
        RunEnd::Finished => "finished",
        RunEnd::TooManyFailures => "too_many_failures",
        RunEnd::Stopped => "stopped",
        _ => "unknown",
    }
}

/// The number of a run, for machines.
pub(super) fn number(run: RunId) -> Value {
    let text = run.to_string();
    text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
}

//! `verify`: whether the databases keep tenants apart.

use std::fmt::Write as _;

use serde_json::Value;
use tenancy::Description;

use super::checked::Checked;
use super::findings::{Finding, Verification};
use crate::output::{Answer, Exit, Failure, printable};
use crate::site::Site;

pub(crate) async fn verify<DB: Checked>(site: &Site<'_>, fix_sql: bool) -> Result<Answer, Failure> {
    let description: Description<DB> = site.open::<DB>().describe().await?;
    DB::reach(&description).await?;
    let verification = DB::verify(site, &description).await?;
    let findings = &verification.findings;
    let text = if fix_sql { mends(findings) } else { text(&verification) };
    let machine: Vec<Value> = findings.iter().map(Finding::machine).collect();
    let notes: Vec<Value> = verification.notes.iter().map(|note| note.as_str().into()).collect();
    let mut answer = Answer::new(text)
        .with("safe", findings.iter().all(|finding| !finding.is_unsafe))
        .with("findings", machine)
        .with("notes", notes);
    if fix_sql {
        answer = answer.with("sql", mends(findings));
    }
    if findings.is_empty() {
        return Ok(answer);
    }
    let mends = findings.iter().any(|finding| !finding.mend.is_empty());
    if mends && !fix_sql {
        answer = answer.run("verify --fix-sql");
    }
    let next = findings.iter().flat_map(|finding| finding.next.iter().cloned());
    Ok(next.fold(answer, Answer::and).ending(Exit::Found))
}

fn text(verification: &Verification) -> String {
    let mut text = String::new();
    match verification.findings.len() {
        0 => text.push_str("nothing was found: tenants are kept apart\n"),
        1 => text.push_str("1 finding\n"),
        number => {
            let _ = writeln!(text, "{number} findings");
        }
    }
    for finding in &verification.findings {
        let severity = if finding.is_unsafe { "unsafe" } else { "notice" };
        let _ = writeln!(text, "{severity}  {}", printable(&finding.message));
    }
    for note in &verification.notes {
        let _ = writeln!(text, "note    {}", printable(note));
    }
    text
}

/// The SQL that mends, and what needs a decision as remarks.
fn mends(findings: &[Finding]) -> String {
    let mut sql = String::new();
    for finding in findings {
        let _ = writeln!(sql, "-- {}", printable(&finding.message));
        if finding.mend.is_empty() {
            sql.push_str("-- This needs a decision.\n");
        } else {
            let _ = writeln!(sql, "{};", finding.mend.trim_end_matches(';'));
        }
    }
    sql
}

//! What was counted, and what was found broken.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

/// How many findings of one invariant are printed in full.
const TOLD: usize = 5;

/// The counts of all parts, in the order in which they were first named.
#[derive(Clone, Default)]
pub(crate) struct Report(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rows: Vec<Row>,
    findings: Vec<String>,
}

struct Row {
    part: &'static str,
    what: String,
    count: u64,
    /// Whether it must be zero.
    is_invariant: bool,
}

impl Report {
    /// A part that counts.
    pub(crate) fn part(&self, name: &'static str) -> Part {
        Part {
            report: self.clone(),
            name,
        }
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.state().rows.iter().any(|row| row.is_invariant && row.count > 0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// One table, and what was broken below it.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        writeln!(f, "| part | what | count |\n|---|---|---:|")?;
        for row in &state.rows {
            let bold = if row.is_invariant { "**" } else { "" };
            writeln!(
                f,
                "| {} | {bold}{}{bold} | {bold}{}{bold} |",
                row.part, row.what, row.count
            )?;
        }
        state
            .findings
            .iter()
            .try_for_each(|finding| writeln!(f, "\nBROKEN: {finding}"))
    }
}

/// Counts for one part. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Part {
    report: Report,
    name: &'static str,
}

impl Part {
    /// Counts something that happened.
    pub(crate) fn add(&self, what: &str, count: u64) {
        self.count(what, count, false);
    }

    /// Names something that must not happen, so that its zero is in the table too.
    pub(crate) fn invariant(&self, what: &str) {
        self.count(what, 0, true);
    }

    /// Counts something that must not happen, and keeps the first few in words.
    pub(crate) fn broken(&self, what: &str, finding: impl fmt::Display) {
        if self.count(what, 1, true) <= TOLD as u64 {
            let finding = format!("{}: {what}: {finding}", self.name);
            eprintln!("BROKEN: {finding}");
            self.report.state().findings.push(finding);
        }
    }

    /// Something without which the part has shown nothing.
    pub(crate) fn require(&self, what: &str) {
        let state = self.report.state();
        let count = state.rows.iter().find(|row| row.part == self.name && row.what == what);
        let is_there = count.is_some_and(|row| row.count > 0);
        drop(state);
        if !is_there {
            self.broken("shown nothing", format_args!("{what} is 0"));
        }
    }

    fn count(&self, what: &str, count: u64, is_invariant: bool) -> u64 {
        let mut state = self.report.state();
        let known = state
            .rows
            .iter_mut()
            .find(|row| row.part == self.name && row.what == what);
        if let Some(row) = known {
            row.count += count;
            return row.count;
        }
        let (part, what) = (self.name, what.to_owned());
        state.rows.push(Row {
            part,
            what,
            count,
            is_invariant,
        });
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_invariant_fails_the_run() {
        let report = Report::default();
        let part = report.part("part");
        part.invariant("rows lost");
        part.add("rows", 2);
        part.require("rows");
        assert!(!report.is_broken());
        part.broken("rows lost", "the first");
        assert!(report.is_broken());
        let table = report.to_string();
        assert!(table.contains("| part | **rows lost** | **1** |"), "{table}");
        assert!(table.contains("BROKEN: part: rows lost: the first"), "{table}");
    }

    #[test]
    fn a_run_that_shows_nothing_fails() {
        let report = Report::default();
        report.part("part").require("rows");
        assert!(report.is_broken());
    }
}

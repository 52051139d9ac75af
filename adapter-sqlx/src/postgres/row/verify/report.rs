//! What was found, and how it is mended.

use std::error::Error;
use std::fmt;

use super::fault::{PgFault, PgSeverity};
use super::note::PgNote;
use crate::postgres::row::row_tables::NOBODY;

/// One object that goes around the isolation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgFinding {
    fault: PgFault,
    object: String,
    mend: String,
}

impl PgFinding {
    pub(in crate::postgres) const fn new(fault: PgFault, object: String, mend: String) -> Self {
        Self { fault, object, mend }
    }

    /// Adds it to the findings, or what mends it to the finding that is about the same object: a fault that concerns
    /// several roles is one.
    pub(super) fn join(self, findings: &mut Vec<Self>) {
        let is_same = |other: &&mut Self| other.fault == self.fault && other.object == self.object;
        match findings.iter_mut().find(is_same) {
            None => findings.push(self),
            Some(other) if self.mend.is_empty() || other.mend.is_empty() => other.mend.clear(),
            Some(other) if format!("; {};", other.mend).contains(&format!("; {};", self.mend)) => {}
            Some(other) => {
                other.mend.push_str("; ");
                other.mend.push_str(&self.mend);
            }
        }
    }

    /// Leaves out a mend that would take something from a role that administers. The finding stays, and is judged again
    /// once the application connects as another role.
    pub(super) fn ask_for_another_role(&mut self) {
        if !self.mend.starts_with("create role ") {
            self.mend.clear();
        }
    }

    /// What is wrong.
    #[must_use]
    pub const fn fault(&self) -> PgFault {
        self.fault
    }

    /// With what: its name, as SQL spells it.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }

    /// The SQL that mends it. Empty where that needs a decision.
    #[must_use]
    pub fn mend(&self) -> &str {
        &self.mend
    }
}

impl fmt::Display for PgFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}: {}", self.fault, self.object, self.fault.risk())?;
        if self.mend.is_empty() {
            Ok(())
        } else {
            write!(f, "; mend it with: {}", self.mend)
        }
    }
}

/// What [`PgRowTables::verify`](crate::PgRowTables::verify) found. As text: a line for each finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgReport {
    findings: Vec<PgFinding>,
    shared_tables: Vec<String>,
    notes: Vec<PgNote>,
}

impl PgReport {
    pub(in crate::postgres) const fn new(findings: Vec<PgFinding>) -> Self {
        Self {
            findings,
            shared_tables: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn with_shared_tables(self, shared_tables: Vec<String>) -> Self {
        Self { shared_tables, ..self }
    }

    pub(super) fn with_note(mut self, note: PgNote) -> Self {
        self.notes.push(note);
        self
    }

    /// Leaves out the mends that would name the administrator, who is not known.
    pub(super) fn without_mends_by_administrator(mut self) -> Self {
        for finding in &mut self.findings {
            if finding.mend.contains(NOBODY) {
                finding.mend.clear();
            }
        }
        self
    }

    /// Adds what was found on a connection, unless the catalog tells of it already.
    pub(in crate::postgres) fn with(mut self, finding: Option<PgFinding>) -> Self {
        let is_new = |finding: &PgFinding| self.findings.iter().all(|other| other.fault != finding.fault);
        self.findings.extend(finding.filter(is_new));
        self
    }

    pub(in crate::postgres::row) fn and(mut self, findings: Vec<PgFinding>) -> Self {
        self.findings.extend(findings);
        self
    }

    /// Whether nothing was found that breaks the isolation of tenants: every finding is a
    /// [`Notice`](PgSeverity::Notice), or there is none.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        !self
            .findings
            .iter()
            .any(|finding| finding.fault().severity() == PgSeverity::Unsafe)
    }

    /// Whether nothing was found, of any severity.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Tables without a tenant's column that the application may write, as SQL spells their names: what one tenant writes
    /// there all of them read.
    ///
    /// That may be what you want. Then declare each by
    /// [`with_shared_table`](crate::PgRowTables::with_shared_table); otherwise declare and
    /// [adopt](crate::PgRowTables::adopt) it, or revoke the right.
    #[must_use]
    pub fn shared_tables(&self) -> &[String] {
        &self.shared_tables
    }

    /// What is worth knowing, and is neither a finding nor a fault.
    #[must_use]
    pub fn notes(&self) -> &[PgNote] {
        &self.notes
    }

    /// What was found.
    #[must_use]
    pub fn findings(&self) -> &[PgFinding] {
        &self.findings
    }
}

impl fmt::Display for PgReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keeps = if self.is_safe() { "keeps" } else { "does not keep" };
        let findings = match self.findings.len() {
            1 => "1 finding".to_owned(),
            number => format!("{number} findings"),
        };
        write!(f, "the database {keeps} tenants apart: {findings}")?;
        for finding in &self.findings {
            write!(f, "\n{finding}")?;
        }
        for table in &self.shared_tables {
            write!(f, "\n{}", SharedTable(table))?;
        }
        for note in &self.notes {
            write!(f, "\n{note}")?;
        }
        Ok(())
    }
}

impl Error for PgReport {}

/// A line about a table that all tenants share.
pub(in crate::postgres::row) struct SharedTable<'t>(pub(in crate::postgres::row) &'t str);

impl fmt::Display for SharedTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "shared: {}: the application may write it, and every tenant reads what is written; declare it \
            `with_shared_table`, or adopt it",
            self.0
        )
    }
}

//! What has drifted, as plain data and as text.

use std::fmt;

use tenancy_core::names::{StrategyName, TenantId};

/// What [`TenantDb::drift`](crate::TenantDb::drift) found. As text: a line for each version of each strategy, and for what is left over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriftReport {
    /// By strategy, in the order of their names.
    pub strategies: Vec<StrategyDrift>,
}

impl DriftReport {
    /// Whether nothing was found: each tenant is as it is to be, and nothing is left over.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.strategies.iter().all(StrategyDrift::is_clean)
    }
}

/// What was found among the tenants of one strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StrategyDrift {
    /// The strategy.
    pub strategy: StrategyName,
    /// Whether the tenants share their tables, so that there is nothing to compare.
    pub shares_tables: bool,
    /// By version, the smallest first. Tenants whose data says no version come first of all.
    pub versions: Vec<VersionDrift>,
    /// The tenants that have no schema, database or file, by id: they are not provisioned, or no longer. They are no drift.
    pub not_provisioned: Vec<TenantId>,
    /// Databases that were made to compare with by a run that ended before it dropped them. Nobody uses them: drop them.
    pub leftovers: Vec<String>,
}

impl StrategyDrift {
    /// Without any tenants: what a strategy of your own begins with.
    #[must_use]
    pub const fn new(strategy: StrategyName) -> Self {
        Self {
            strategy,
            shares_tables: false,
            versions: Vec::new(),
            not_provisioned: Vec::new(),
            leftovers: Vec::new(),
        }
    }

    /// Of tenants who share their tables.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn of_shared_tables(strategy: StrategyName) -> Self {
        Self {
            shares_tables: true,
            ..Self::new(strategy)
        }
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.leftovers.is_empty() && self.versions.iter().all(VersionDrift::is_clean)
    }
}

/// What was found among the tenants of one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VersionDrift {
    /// The version, by the tables of migrations; `None` of tenants without one, or in whose one nothing has run.
    pub version: Option<i64>,
    /// How many tenants have it.
    pub tenants: usize,
    /// How many of them are as the reference.
    pub as_expected: usize,
    /// The tenant whose catalog stands for the reference; `None` if the reference was made anew, or nothing was compared.
    pub reference: Option<TenantId>,
    /// Whether the tenants were compared. They are not if the reference has another version.
    pub is_compared: bool,
    /// How many are alike and stand against as many others, so that there is no majority. Those of the smallest id are compared with.
    pub tie: Option<usize>,
    /// What differs, the most frequent first.
    pub differences: Vec<Difference>,
    /// The tenants whose catalog changed while it was read, by id. Nothing is said of them.
    pub changing: Vec<TenantId>,
    /// What was left out.
    pub not_compared: Vec<NotCompared>,
}

impl VersionDrift {
    /// Whether nothing was found.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.differences.is_empty() && self.tie.is_none() && self.changing.is_empty()
    }
}

/// How an object differs from the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Change {
    /// It is not there. What belongs to it, such as the columns of a table, is not listed.
    Missing,
    /// It is there, and not in the reference.
    Additional,
    /// It is another one.
    Changed,
}

/// One difference, and the tenants that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// How the object differs.
    pub change: Change,
    /// What it is: `table`, `column`, `index`.
    pub kind: String,
    /// Its name, as `table.column` if it belongs to a table.
    pub name: String,
    /// What of it differs, of one that is changed: `type`, `default`, `definition`.
    pub aspect: Option<String>,
    /// What the reference has, of one that is changed. The tenant's schema is called `@`.
    pub expected: Option<String>,
    /// What the first of the tenants has, of one that is changed.
    pub found: Option<String>,
    /// The tenants, by id.
    pub tenants: Vec<TenantId>,
}

/// What could not be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotCompared {
    /// The function whose body contains the name of the schema or database that it is in.
    pub function: String,
    /// How many tenants have it so.
    pub tenants: usize,
}

impl fmt::Display for DriftReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, strategy) in self.strategies.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            strategy.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for StrategyDrift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strategy = &self.strategy;
        let mut lines: Vec<String> = self
            .versions
            .iter()
            .map(|version| format!("{strategy}, {version}"))
            .collect();
        if self.shares_tables {
            lines.push(format!("{strategy}: nothing to compare, tenants share their tables"));
        } else if self.versions.is_empty() {
            lines.push(format!("{strategy}: no tenant to compare"));
        }
        if !self.not_provisioned.is_empty() {
            lines.push(format!(
                "{strategy}: {} not provisioned",
                Counted(self.not_provisioned.len())
            ));
        }
        for leftover in &self.leftovers {
            lines.push(format!(
                "{strategy}: the database `{leftover}` is left over from a run that ended early: drop it"
            ));
        }
        f.write_str(&lines.join("\n"))
    }
}

impl fmt::Display for VersionDrift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "version {version}: ")?,
            None => f.write_str("no version: ")?,
        }
        if !self.is_compared {
            return write!(
                f,
                "{} not compared: the reference has another version",
                Counted(self.tenants)
            );
        }
        write!(f, "{} as expected", Counted(self.as_expected))?;
        if let (Some(tie), Some(reference)) = (self.tie, &self.reference) {
            let tie = Counted(tie);
            write!(f, "; no majority: {tie} as `{reference}`, and {tie} others alike")?;
        }
        for difference in &self.differences {
            write!(f, "; {difference}")?;
        }
        if !self.changing.is_empty() {
            write!(f, "; {} changed while they were read", Counted(self.changing.len()))?;
        }
        for left_out in &self.not_compared {
            write!(
                f,
                "; the body of the function `{}` not compared in {}, since it contains the name of its schema or database",
                left_out.function,
                Counted(left_out.tenants)
            )?;
        }
        Ok(())
    }
}

/// A sentence about its tenants, by their number.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, .. } = self;
        let (lack, have) = if self.tenants.len() == 1 {
            ("lacks", "has")
        } else {
            ("lack", "have")
        };
        let count = Counted(self.tenants.len());
        match (self.change, self.aspect.as_deref()) {
            (Change::Missing, _) => write!(f, "{count} {lack} {kind} `{name}`"),
            (Change::Additional, _) => write!(f, "{count} {have} additional {kind} `{name}`"),
            // What is found is a word by itself.
            (Change::Changed, Some("state")) => {
                let state = self.found.as_deref().unwrap_or("of another state");
                write!(f, "{count} {have} {kind} `{name}` that is {state}")
            }
            (Change::Changed, aspect) => {
                let aspect = aspect.unwrap_or("definition");
                write!(f, "{count} {have} another {aspect} of {kind} `{name}`")
            }
        }
    }
}

/// A number in groups of three digits.
struct Counted(usize);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(change: Change, kind: &str, name: &str, aspect: Option<&str>, tenants: usize) -> Difference {
        Difference {
            change,
            kind: kind.to_owned(),
            name: name.to_owned(),
            aspect: aspect.map(str::to_owned),
            expected: None,
            found: Some("disabled".to_owned()),
            tenants: vec!["acme".parse().unwrap(); tenants],
        }
    }

    #[test]
    fn a_report_reads_as_a_sentence() {
        let version = VersionDrift {
            version: Some(12),
            tenants: 10_000,
            as_expected: 9_981,
            is_compared: true,
            differences: vec![
                difference(Change::Missing, "index", "notes_body_idx", None, 17),
                difference(Change::Changed, "column", "notes.body", Some("type"), 2),
                difference(Change::Changed, "trigger", "notes.stamp", Some("state"), 1),
                difference(Change::Additional, "table", "notes_old", None, 1),
            ],
            ..VersionDrift::default()
        };
        let text = "version 12: 9,981 as expected; 17 lack index `notes_body_idx`; 2 have another type of column `notes.body`; \
            1 has trigger `notes.stamp` that is disabled; 1 has additional table `notes_old`";
        assert_eq!(version.to_string(), text);
        assert!(!version.is_clean());
    }
}

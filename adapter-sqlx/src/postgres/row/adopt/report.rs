//! What an adoption did, and what is left to look at.

use std::fmt;

use crate::postgres::row::verify::PgReport;

/// What an adoption cannot see through or mend, and what may work otherwise than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PgAdoptionHazard {
    /// A function's text has an `ON CONFLICT` that names columns. No key over these columns alone is left.
    Upsert,
    /// A function's text groups rows of a declared table. A query that groups by a primary key and selects other columns
    /// fails, since the primary key has one more column.
    GroupBy,
    /// A materialized view reads a declared table, and holds what its owner sees when it is refreshed.
    MaterializedView,
    /// A view reads a declared table as its owner.
    ViewAsOwner,
    /// A declared table has a permissive policy of its own for the application. Ours shows every row of the tenant, and
    /// rows are shown that either of them shows.
    PermissivePolicy,
    /// A declared table has a name that migration tools use for their own.
    MigrationTable,
}

impl PgAdoptionHazard {
    /// What it leads to and what to do, in one sentence.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Upsert => {
                "`on conflict (…)` finds no key over the columns it names; write `on conflict on constraint NAME`"
            }
            Self::GroupBy => {
                "`group by` a former primary key no longer covers the other columns; name the tenant's column after it, too"
            }
            Self::MaterializedView => {
                "it mixes all tenants' rows, or loses them when another role refreshes it; replace it with a table that \
                is declared, or grant nobody the right to read it"
            }
            Self::ViewAsOwner => "it shows what its owner sees; make it `with (security_invoker = true)`",
            Self::PermissivePolicy => {
                "it narrows nothing any more, since rows are shown that any permissive policy shows; make it anew \
                `as restrictive`"
            }
            Self::MigrationTable => "if a migration tool writes it, leave it out of the declaration",
        }
    }
}

/// One object that an adoption leaves as it is, and that deserves a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgAdoptionWarning {
    pub(super) hazard: PgAdoptionHazard,
    pub(super) object: String,
}

impl PgAdoptionWarning {
    /// What the matter is.
    #[must_use]
    pub const fn hazard(&self) -> PgAdoptionHazard {
        self.hazard
    }

    /// The object's name, as SQL spells it.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }
}

impl fmt::Display for PgAdoptionWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}: {}", self.hazard, self.object, self.hazard.advice())
    }
}

/// What [`PgRowTables::adopt`](crate::PgRowTables::adopt) did, and what is left to look at. As text: a line for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgAdoption {
    pub(super) has_changed: bool,
    pub(super) warnings: Vec<PgAdoptionWarning>,
    pub(super) report: PgReport,
}

impl PgAdoption {
    /// Whether a column or a key was changed. If not, the tables had been adopted already.
    #[must_use]
    pub const fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// What the adoption left as it was, and may work otherwise than before.
    #[must_use]
    pub fn warnings(&self) -> &[PgAdoptionWarning] {
        &self.warnings
    }

    /// What [`verify`](crate::PgRowTables::verify) finds afterwards. A finding that is unsafe keeps the strategy from
    /// opening.
    #[must_use]
    pub const fn report(&self) -> &PgReport {
        &self.report
    }
}

impl fmt::Display for PgAdoption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)?;
        for warning in &self.warnings {
            write!(f, "\n{warning}")?;
        }
        Ok(())
    }
}

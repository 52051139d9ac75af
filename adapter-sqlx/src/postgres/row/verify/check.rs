//! A question to the catalog, and its answer.

use super::fault::PgFault;

/// A question to the catalog. Each row of its answer is a finding: the object, and the SQL that mends it.
///
/// It stands behind the common table expressions of `relations` and of `table::keys`, and can read what these define.
pub(super) struct Check {
    pub(super) fault: PgFault,
    pub(super) sql: &'static str,
}

impl Check {
    pub(super) const fn question(&self) -> Question {
        Question {
            sql: self.sql,
            columns: 2,
        }
    }
}

/// A question with an answer of another form, behind the same expressions.
#[derive(Clone, Copy)]
pub(super) struct Question {
    /// A query, or common table expressions of its own, each with a comma in front, and a query.
    pub(super) sql: &'static str,
    /// How many columns the answer has. Each of them is read as text.
    pub(super) columns: usize,
}

/// A row of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer(Vec<Option<String>>);

impl Answer {
    pub(super) const fn new(columns: Vec<Option<String>>) -> Self {
        Self(columns)
    }

    /// The column's text; empty where it is null.
    pub(super) fn text(&self, column: usize) -> String {
        self.0.get(column).cloned().flatten().unwrap_or_default()
    }

    pub(super) fn is_true(&self, column: usize) -> bool {
        self.0.get(column).and_then(Option::as_deref) == Some("true")
    }
}

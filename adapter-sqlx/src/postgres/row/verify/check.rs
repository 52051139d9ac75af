//! A question to the catalog.

use super::fault::PgFault;

/// A question to the catalog. Each row of its answer is a finding: the object, and the SQL that mends it.
///
/// It stands behind the common table expressions of `relations`, and can read what these define.
pub(super) struct Check {
    pub(super) fault: PgFault,
    pub(super) sql: &'static str,
}

//! What the application declares about a file that tenants share.

use super::table::TenantTable;

/// The tables that hold tenants' rows, and what may show those rows to everyone.
#[derive(Debug, Default)]
pub(in crate::sqlite) struct Declarations {
    pub(in crate::sqlite) tables: Vec<TenantTable>,
    /// The names that [`dangerously_expose`](crate::sqlite::SqliteRowBuilder::dangerously_expose) was given.
    pub(in crate::sqlite) exposed: Vec<String>,
}

impl Declarations {
    /// Whether `name` is a declared base table. SQLite compares names without regard to ASCII case.
    pub(in crate::sqlite) fn is_base(&self, name: &str) -> bool {
        self.tables.iter().any(|table| table.base().eq_ignore_ascii_case(name))
    }

    /// Whether `name` may show tenants' rows to everyone.
    pub(in crate::sqlite) fn is_exposed(&self, name: &str) -> bool {
        self.exposed.iter().any(|exposed| exposed.eq_ignore_ascii_case(name))
    }
}

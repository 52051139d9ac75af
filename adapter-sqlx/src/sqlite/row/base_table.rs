//! A base table as the catalog has it.

use super::table::TenantTable;

/// A column of a base table.
#[derive(Clone, Debug)]
pub(in crate::sqlite) struct Column {
    pub(in crate::sqlite) name: String,
    pub(in crate::sqlite) default: Option<String>,
    pub(in crate::sqlite) is_generated: bool,
    /// The position in the primary key, from 1; 0 outside it.
    pub(in crate::sqlite) key_position: i64,
    pub(in crate::sqlite) declared_type: String,
    pub(in crate::sqlite) is_not_null: bool,
}

/// A base table as the catalog has it.
#[derive(Clone, Debug)]
pub(in crate::sqlite) struct BaseTable {
    pub(in crate::sqlite) table: TenantTable,
    pub(in crate::sqlite) columns: Vec<Column>,
    /// Whether a trigger of the application writes to it.
    pub(in crate::sqlite) is_written_by_triggers: bool,
}

impl BaseTable {
    pub(in crate::sqlite) fn is_tenant_column(&self, name: &str) -> bool {
        self.table.tenant_column().eq_ignore_ascii_case(name)
    }

    pub(in crate::sqlite) fn key(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.key_position > 0)
    }
}

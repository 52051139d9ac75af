//! What differs between the declaration and what the catalog has, as the statements that mend it.

use super::look::FoundTable;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::PgTenantTable;

/// Statements to be run, one after the other, and the object that they need a lock on.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::postgres::row) struct Change {
    pub(in crate::postgres::row) object: String,
    pub(in crate::postgres::row) statements: Vec<String>,
}

impl PgRowTables {
    /// The changes that the tables need, always in the same order, so that two who do this do not wait for each other.
    ///
    /// A table that does not exist as declared has none: it is a finding.
    pub(in crate::postgres::row) fn changes(&self, found: &[Option<FoundTable>]) -> Vec<Change> {
        let mut tables: Vec<(&PgTenantTable, &FoundTable)> = self
            .tables()
            .iter()
            .zip(found)
            .filter_map(|(table, found)| Some((table, found.as_ref()?)))
            .collect();
        tables.sort_by_key(|(table, _)| (table.schema(), table.name()));
        tables.dedup_by_key(|(table, _)| (table.schema(), table.name()));
        let changes = tables.into_iter().map(|(table, found)| Change {
            object: format!("the table {table}"),
            statements: self.table_changes(table, found),
        });
        changes.filter(|change| !change.statements.is_empty()).collect()
    }

    fn table_changes(&self, table: &PgTenantTable, found: &FoundTable) -> Vec<String> {
        let mut changes = Vec::new();
        let mut alter = |parts: Vec<String>| {
            if !parts.is_empty() {
                changes.push(format!("alter table {table} {};\n", parts.join(", ")));
            }
        };
        if found.is_shared(self) {
            // Another service's tenants are kept apart by other words. The default is theirs too, and a role that was
            // let in beside them would not be kept within a tenant.
            alter(self.security_changes(found));
            return changes;
        }
        alter(self.column_changes(table, found));
        alter(self.security_changes(found));
        changes.extend(self.policy_changes(table, found));
        changes.extend(self.grant_changes(table, found));
        changes
    }

    fn column_changes(&self, table: &PgTenantTable, found: &FoundTable) -> Vec<String> {
        let column = table.tenant_column();
        let has_default = found.default.as_ref() == Some(&found.spelling.default);
        // Citus refuses it where the table is distributed by the column.
        let default = (!has_default && !found.is_distributed)
            .then(|| format!("alter column {column} set default {}", self.tenant(table)));
        // Where it is set already the server does not read the table.
        let not_null = (!found.is_not_null).then(|| format!("alter column {column} set not null"));
        default.into_iter().chain(not_null).collect()
    }

    /// Rights are given once, to a table or sequence that nobody has been given or refused anything on. What an operator
    /// has changed since stays so.
    fn grant_changes(&self, table: &PgTenantTable, found: &FoundTable) -> Vec<String> {
        let (rights, roles) = (table.grants(), self.application_list());
        let on_table = (found.is_ungranted && !rights.grants().is_empty())
            .then(|| format!("grant {rights} on table {table} to {roles};\n"));
        let on_sequences = found
            .ungranted_sequences
            .iter()
            .filter(|_| rights.inserts())
            .map(|sequence| format!("grant usage on sequence {sequence} to {roles};\n"));
        on_table.into_iter().chain(on_sequences).collect()
    }

    /// Lets the application read a view that nobody has been granted anything on.
    pub(in crate::postgres::row) fn view_change(&self, view: &str) -> Change {
        Change {
            object: format!("the view {view}"),
            statements: vec![format!(
                "grant select on table {view} to {};\n",
                self.application_list()
            )],
        }
    }

    /// Opens a schema that nobody has been granted anything on.
    pub(in crate::postgres::row) fn schema_change(&self, schema: &str) -> Change {
        Change {
            object: format!("the schema {schema}"),
            statements: vec![format!(
                "grant usage on schema {schema} to {};\n",
                self.application_list()
            )],
        }
    }

    /// A shard whose row-level security holds for its owner can never be moved while it is written to: PostgreSQL does not
    /// replicate into one. On a cluster it is not forced therefore, and it is proved that the application is neither the
    /// owner nor one of their members.
    fn security_changes(&self, found: &FoundTable) -> Vec<String> {
        let enable = (!found.is_enabled).then(|| "enable row level security".to_owned());
        let force = match (self.is_on_citus(), found.is_forced) {
            (false, false) => Some("force row level security".to_owned()),
            (true, true) => Some("no force row level security".to_owned()),
            _ => None,
        };
        enable.into_iter().chain(force).collect()
    }
}

//! What a Citus cluster needs beside the policies.

use super::identifier::{Literal, PgIdentifier};
use super::table::PgTenantTable;

/// The cluster's part of a declaration.
#[derive(Clone, Debug, Default)]
pub(super) struct Citus {
    /// By schema and name.
    pub(super) reference_tables: Vec<(PgIdentifier, PgIdentifier)>,
}

/// Else the functions would be missed one by one.
const CHECK: &str = "do $$ begin
    if not exists (select from pg_catalog.pg_extension where extname = 'citus') then
        raise exception 'the extension citus is not installed in this database'
            using errcode = 'feature_not_supported';
    end if;
end $$;
";

impl Citus {
    /// Distributes what is not distributed yet.
    pub(super) fn sql(&self, tables: &[PgTenantTable]) -> String {
        let mut sql = CHECK.to_owned();
        for (schema, name) in &self.reference_tables {
            let table = format!("{schema}.{name}");
            let table = Literal(&table);
            sql.push_str(&format!(
                "select create_reference_table({table}) where not exists \
                 (select from pg_dist_partition where logicalrel = {table}::regclass);\n"
            ));
        }
        for table in tables {
            let first = tables
                .iter()
                .find(|other| other.tenant_column_type() == table.tenant_column_type())
                .filter(|first| *first != table)
                .map(ToString::to_string);
            let beside = first.as_deref().unwrap_or("none");
            let name = table.to_string();
            let (name, column, beside) = (Literal(&name), Literal(table.tenant_column().as_str()), Literal(beside));
            sql.push_str(&format!(
                "select create_distributed_table({name}, {column}, colocate_with => {beside}) where not exists \
                 (select from pg_dist_partition where logicalrel = {name}::regclass);\n"
            ));
        }
        sql
    }
}

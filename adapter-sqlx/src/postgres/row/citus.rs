//! What a declaration for a Citus cluster says, and what its SQL begins with.

use super::table::PgTenantTable;
use crate::postgres::identifier::{Literal, PgIdentifier};

/// The cluster's part of a declaration.
#[derive(Clone, Debug, Default)]
pub(in crate::postgres) struct Citus {
    /// By schema and name.
    pub(in crate::postgres) reference_tables: Vec<(PgIdentifier, PgIdentifier)>,
}

/// Fails, so that nobody runs what follows by mistake.
pub(in crate::postgres) const REFUSAL: &str = "do $$ begin
    raise exception 'the strategy row does not run on Citus: shards lose restrictive policies; use the strategy schema'
        using errcode = 'feature_not_supported';
end $$;
";

impl Citus {
    /// Each table's name, and the call that distributes it: first those that others refer to.
    pub(in crate::postgres) fn distribution(&self, tables: &[PgTenantTable]) -> impl Iterator<Item = (String, String)> {
        let references = self.reference_tables.iter().map(|(schema, name)| {
            let name = format!("{schema}.{name}");
            let call = format!("select create_reference_table({})", Literal(&name));
            (name, call)
        });
        references.chain(tables.iter().map(|table| {
            let first = tables
                .iter()
                .find(|other| other.tenant_column_type() == table.tenant_column_type())
                .filter(|first| *first != table)
                .map(ToString::to_string);
            let beside = first.as_deref().unwrap_or("none");
            let name = table.to_string();
            let column = table.tenant_column().as_str();
            let call = format!(
                "select create_distributed_table({}, {}, colocate_with => {})",
                Literal(&name),
                Literal(column),
                Literal(beside)
            );
            (name, call)
        }))
    }
}

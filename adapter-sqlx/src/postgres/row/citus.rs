//! What a declaration for a Citus cluster says, and its refusal.

use super::row_tables::PgRowTables;
use super::table::PgTenantTable;
use crate::StrategyError;
use crate::postgres::identifier::{Literal, PgIdentifier};

/// The cluster's part of a declaration.
#[derive(Clone, Debug, Default)]
pub(in crate::postgres) struct Citus {
    /// By schema and name.
    pub(in crate::postgres) reference_tables: Vec<(PgIdentifier, PgIdentifier)>,
}

/// It stands first, so that nobody runs the rest by mistake.
const REFUSAL: &str = "do $$ begin
    raise exception 'the strategy row does not run on Citus: shards lose restrictive policies; use the strategy schema'
        using errcode = 'feature_not_supported';
end $$;
";

impl PgRowTables {
    /// Refuses a declaration for a cluster, before anything is connected or written.
    pub(in crate::postgres) const fn refuse_cluster(&self) -> Result<(), StrategyError> {
        if self.is_on_citus() {
            return Err(StrategyError::ClusterUnsupported);
        }
        Ok(())
    }
}

impl Citus {
    /// Refuses to run; then says what would distribute what is not distributed yet.
    pub(in crate::postgres) fn sql(&self, tables: &[PgTenantTable]) -> String {
        let missing = self.distribution(tables).map(|(name, call)| {
            let name = Literal(&name);
            format!("{call} where not exists (select from pg_dist_partition where logicalrel = {name}::regclass);\n")
        });
        [REFUSAL.to_owned()].into_iter().chain(missing).collect()
    }

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

//! The tenant's column and the policies of each declared table.

use sqlx::PgConnection;

use crate::StrategyError;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::PgTenantTable;
use crate::postgres::row::verify::{PgFault, PgFinding};

impl PgRowTables {
    /// Compares what the catalog has with the declaration, as the server spells both.
    pub(in crate::postgres::row::verify) async fn policies(
        &self,
        tx: &mut PgConnection,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let mut findings = Vec::new();
        for (table, found) in self.tables().iter().zip(self.look(tx).await?) {
            let Some(found) = found else {
                if is_table(tx, table).await? {
                    let object = format!("{table}.{}", table.tenant_column());
                    findings.push(PgFinding::new(PgFault::ColumnMissing, object, String::new()));
                }
                continue;
            };
            if !found.keeps_tenants_apart(self) {
                // What other services are under is not ours to write anew.
                let mend = if found.is_shared(self) {
                    String::new()
                } else {
                    self.table_sql(table)
                };
                findings.push(PgFinding::new(PgFault::PolicyDiffers, table.to_string(), mend));
            }
        }
        Ok(findings)
    }
}

/// A table that is missing is another finding.
async fn is_table(tx: &mut PgConnection, table: &PgTenantTable) -> Result<bool, sqlx::Error> {
    let sql = "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p'))";
    let query = sqlx::query_scalar(sql).bind(table.schema().as_str());
    query.bind(table.name().as_str()).fetch_one(tx).await
}

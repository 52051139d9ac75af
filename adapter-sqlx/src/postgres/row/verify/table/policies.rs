//! The tenant's column and the policies of each declared table.

use sqlx::PgConnection;

use crate::StrategyError;
use crate::postgres::row::row_tables::PgRowTables;
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
                findings.extend(self.column(table, tx).await?);
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

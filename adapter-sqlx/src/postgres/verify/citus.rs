//! What a Citus cluster must have beside the policies.

use sqlx::{AssertSqlSafe, PgConnection};

use super::{PgFault, PgFinding};
use crate::StrategyError;
use crate::postgres::citus::Citus;
use crate::postgres::identifier::Literal;
use crate::postgres::row_schema::PgRowSchema;
use crate::postgres::table::{PgTenantColumn, PgTenantTable};

/// Whether the table `$1` has shards by a column, or a copy on each worker. What Citus manages beside these (`n`
/// without the replication model `t`) is on one machine, as a table that it does not know is.
const IS_DISTRIBUTED: &str = "
select exists (select from pg_catalog.pg_dist_partition
    where logicalrel = to_regclass($1) and (partmethod <> 'n' or repmodel = 't'))
where to_regclass($1) is not null";

/// A value of the setting that is no tenant's.
const CHECK: &str = "tenancy check";

impl PgRowSchema {
    pub(super) async fn cluster(&self, tx: &mut PgConnection, citus: &Citus) -> Result<Vec<PgFinding>, StrategyError> {
        let is_installed = "select exists (select from pg_extension where extname = 'citus')";
        if !sqlx::query_scalar(is_installed).fetch_one(&mut *tx).await? {
            let mend = "create extension citus".to_owned();
            let finding = PgFinding::new(PgFault::ExtensionMissing, "citus".to_owned(), mend);
            return Ok(vec![finding]);
        }
        let mut findings = Vec::new();
        for (name, mend) in citus.distribution(self.tables()) {
            let asked = sqlx::query_scalar(IS_DISTRIBUTED).bind(&name);
            // A table that is not there is told of already.
            if asked.fetch_optional(&mut *tx).await? == Some(false) {
                findings.push(PgFinding::new(PgFault::TableNotDistributed, name, mend));
            }
        }
        // A table that is none of the cluster's would be asked here.
        if let (Some(table), true) = (self.tables().first(), findings.is_empty()) {
            findings.extend(self.propagation(tx, table).await?);
        }
        Ok(findings)
    }

    /// Asks the worker that has a tenant's shard what the setting is there, as the policies on it do.
    ///
    /// It is the last question, since it leaves the setting set for the rest of the transaction.
    async fn propagation(
        &self,
        tx: &mut PgConnection,
        table: &PgTenantTable,
    ) -> Result<Option<PgFinding>, StrategyError> {
        let setting = self.setting().as_str();
        let set = format!(
            "set local citus.propagate_set_commands = 'local'; set local {setting} = {}",
            Literal(CHECK)
        );
        sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut *tx).await?;
        let read: Option<String> = sqlx::query_scalar(AssertSqlSafe(shard_sql(table, setting)))
            .fetch_one(tx)
            .await?;
        Ok((read.as_deref() != Some(CHECK)).then(|| {
            let object = format!("{setting} on the shards of {table}");
            PgFinding::new(PgFault::SettingLost, object, String::new())
        }))
    }
}

/// A query that is one shard's by its constant, so that all of it runs there; and one row, whatever the shard has.
fn shard_sql(table: &PgTenantTable, setting: &str) -> String {
    let column_type = table.tenant_column_type();
    let nobody = match column_type {
        PgTenantColumn::Text => CHECK,
        PgTenantColumn::Uuid => "00000000-0000-0000-0000-000000000000",
        PgTenantColumn::BigInt => "0",
    };
    format!(
        "select current_setting({}, true) from (select count(*) from {table} where {} = {}::{}) as shard",
        Literal(setting),
        table.tenant_column(),
        Literal(nobody),
        column_type.sql_type(),
    )
}

//! Tables that a Citus cluster distributes, where the policies do not hold.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::identifier::Literal;
use crate::postgres::row::citus::Citus;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::{PgTenantColumn, PgTenantTable};
use crate::postgres::row::verify::{PgFault, PgFinding};

/// Whether the table `$1` has shards by a column, or a copy on each worker. What Citus manages beside these (`n`
/// without the replication model `t`) is on one machine, as a table that it does not know is.
const IS_DISTRIBUTED: &str = "
select exists (select from pg_catalog.pg_dist_partition
    where logicalrel = to_regclass($1) and (partmethod <> 'n' or repmodel = 't'))
where to_regclass($1) is not null";

/// A value of the setting that is no tenant's.
const CHECK: &str = "tenancy check";

/// The guarded tables that have shards, by a column or a copy on each worker.
const DISTRIBUTED: &str = "
select distinct tab from guarded where exists (select from pg_catalog.pg_dist_partition p
    where p.logicalrel = relid and (p.partmethod <> 'n' or p.repmodel = 't')) order by 1";

impl PgRowTables {
    /// Shards lose the word `restrictive`, and no catalog tells: so neither a declaration for a cluster nor a table on
    /// one is clean, whatever else there is.
    pub(in crate::postgres::row::verify) async fn on_cluster(
        &self,
        tx: &mut PgConnection,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let unsupported = |object| PgFinding::new(PgFault::ClusterUnsupported, object, String::new());
        if let Some(citus) = self.citus() {
            let mut findings = vec![unsupported("citus".to_owned())];
            findings.extend(self.cluster(tx, citus).await?);
            return Ok(findings);
        }
        let has_cluster = "select to_regclass('pg_catalog.pg_dist_partition') is not null";
        if !sqlx::query_scalar(has_cluster).fetch_one(&mut *tx).await? {
            return Ok(Vec::new());
        }
        let mut findings = Vec::new();
        for row in self.about_relations(DISTRIBUTED, tx).await? {
            let finding = unsupported(row.try_get(0)?);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        Ok(findings)
    }

    async fn cluster(&self, tx: &mut PgConnection, citus: &Citus) -> Result<Vec<PgFinding>, StrategyError> {
        let is_installed = "select exists (select from pg_extension where extname = 'citus')";
        if !sqlx::query_scalar(is_installed).fetch_one(&mut *tx).await? {
            let mend = "create extension citus".to_owned();
            let finding = PgFinding::new(PgFault::ExtensionMissing, "citus".to_owned(), mend);
            return Ok(vec![finding]);
        }
        let mut findings = Vec::new();
        for (name, mend) in citus.distribution(self.tables()) {
            let asked = sqlx::query_scalar(IS_DISTRIBUTED).bind(&name);
            // A table that is not there is a finding already.
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
        PgTenantColumn::SmallInt | PgTenantColumn::Integer | PgTenantColumn::BigInt => "0",
    };
    format!(
        "select current_setting({}, true) from (select count(*) from {table} where {} = {}::{}) as shard",
        Literal(setting),
        table.tenant_column(),
        Literal(nobody),
        column_type.sql_type(),
    )
}

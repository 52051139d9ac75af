//! Declared tables on a Citus cluster, as the coordinator's catalog has them.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::citus::cluster;
use crate::postgres::execute::execute;
use crate::postgres::identifier::Literal;
use crate::postgres::row::citus::Citus;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::{PgTenantColumn, PgTenantTable};
use crate::postgres::row::verify::check::{Answer, Check, Question};
use crate::postgres::row::verify::{PgFault, PgFinding, Viewer};

/// Of the declared tables `d (name, col)` those that are not distributed by their column, or, without one, have no copy on
/// each worker; and whether Citus knows them, as distributed in another way.
const NOT_DISTRIBUTED: &str = "
select d.name, exists (select from pg_dist_partition p where p.logicalrelid = to_regclass(d.name))
from declared d where to_regclass(d.name) is not null and not exists (select from pg_dist_partition p
    where p.logicalrelid = to_regclass(d.name) and case when d.col is null then p.partmethod = 'n' and p.repmodel = 't'
        else p.partmethod = 'h' and column_to_column_name(p.logicalrelid, p.partkey) = d.col end)
order by 1";

/// Tables whose rows are in part on the node of this session.
const LOCAL_SHARDS: Check = Check {
    fault: PgFault::LocalShards,
    sql: "
select distinct g.tab, format('select citus_set_node_property(%L, %s, ''shouldhaveshards'', false)', n.nodename, n.nodeport)
from guarded g join pg_dist_partition t on t.logicalrelid = g.relid and t.partmethod <> 'n'
join pg_dist_shard s on s.logicalrelid = g.relid join pg_dist_placement p on p.shardid = s.shardid
join pg_dist_local_group l on l.groupid = p.groupid join pg_dist_node n on n.groupid = l.groupid and n.noderole = 'primary'
order by 1",
};

/// Shards lose the word `restrictive`, so any other policy shows rows beside those of the tenant's.
const POLICY_BESIDE: Check = Check {
    fault: PgFault::PolicyBeside,
    sql: "
select format('%I on %s', p.polname, d.tab), format('drop policy %I on %s', p.polname, d.tab)
from declared d join pg_policy p on p.polrelid = d.relid
where p.polname <> 'tenancy_tenant' and p.polroles <> array(select oid from administrator) order by 1",
};

/// The guarded tables that have shards, by a column or a copy on each worker.
const DISTRIBUTED: Question = Question {
    sql: "
select distinct tab from guarded where exists (select from pg_catalog.pg_dist_partition p
    where p.logicalrelid = relid and (p.partmethod <> 'n' or p.repmodel = 't')) order by 1",
    columns: 1,
};

/// Whether the database has the catalog of a cluster.
pub(in crate::postgres::row::verify) const HAS_CLUSTER: Question = Question {
    sql: "
select to_regclass('pg_catalog.pg_dist_partition') is not null",
    columns: 1,
};

/// A value of the setting that is no tenant's.
const CHECK: &str = "tenancy check";

impl PgRowTables {
    /// Why the declared cluster cannot be asked: it is none, or this is one of its workers.
    pub(in crate::postgres::row) async fn no_cluster(
        &self,
        tx: &mut PgConnection,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        if !self.is_on_citus() {
            return Ok(Vec::new());
        }
        cluster::administrator_findings(tx).await
    }

    /// What the coordinator's catalog tells of. What the shards have is another question.
    pub(in crate::postgres::row::verify) async fn on_cluster(
        &self,
        tx: &mut PgConnection,
        viewer: Viewer,
        has_cluster: bool,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        match self.citus() {
            Some(citus) => self.declared_on_cluster(citus, tx, viewer).await,
            None if has_cluster => self.undeclared_on_cluster(tx, viewer).await,
            None => Ok(Vec::new()),
        }
    }

    /// Policies with a sub-select do not hold on shards, and restrictive ones become permissive there.
    async fn undeclared_on_cluster(
        &self,
        tx: &mut PgConnection,
        viewer: Viewer,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let answers = self.ask_all(tx, viewer, &[DISTRIBUTED]).await?;
        let finding = |answer: &Answer| PgFinding::new(PgFault::ClusterUnsupported, answer.text(0), String::new());
        Ok(answers.iter().flatten().map(finding).collect())
    }

    async fn declared_on_cluster(
        &self,
        citus: &Citus,
        tx: &mut PgConnection,
        viewer: Viewer,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let rows = citus.rows(self.tables());
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut findings = Vec::new();
        let sql = format!("with declared (name, col) as (values {rows}){NOT_DISTRIBUTED}");
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *tx).await? {
            // One that is distributed in another way is for an operator to decide.
            let mend = if row.try_get(1)? {
                String::new()
            } else {
                citus.distribution_sql(self.tables())
            };
            findings.push(PgFinding::new(PgFault::TableNotDistributed, row.try_get(0)?, mend));
        }
        for (table, found) in self.tables().iter().zip(self.look(tx).await?) {
            let Some(found) = found.filter(|found| found.is_distributed) else {
                continue;
            };
            if found.default.as_ref() != Some(&found.spelling.default) {
                let object = format!("{table}.{}", table.tenant_column());
                findings.push(PgFinding::new(PgFault::DefaultMissing, object, String::new()));
            }
        }
        findings.extend(self.ask(tx, viewer, &[&POLICY_BESIDE, &LOCAL_SHARDS]).await?);
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
        // As what begins a transaction does it.
        let block = format!("begin set local {setting} = {}; end", Literal(CHECK));
        for statement in [
            "set local citus.propagate_set_commands = 'local'".to_owned(),
            format!("do {}", Literal(&block)),
            "set local citus.propagate_set_commands = 'none'".to_owned(),
        ] {
            execute(tx, statement).await?;
        }
        let read: Option<String> = sqlx::query_scalar(AssertSqlSafe(shard_sql(table, setting)))
            .fetch_optional(tx)
            .await?
            .flatten();
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

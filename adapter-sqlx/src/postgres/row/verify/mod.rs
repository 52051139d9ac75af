//! Proof that rows are kept apart, from the database's own catalog.

mod around;
mod as_owner;
mod check;
mod relations;
mod report;
mod role;
mod table;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

pub(in crate::postgres) use self::role::administrator::Filter;
pub(in crate::postgres::row) use report::SharedTable;
pub use report::{PgFault, PgFinding, PgReport, PgSeverity};

use self::check::Check;
use self::relations::RELATIONS;
use self::role::{missing, presets, roles};
use self::table::{keys, tables, views};
use super::row_tables::PgRowTables;
use super::table::PgTenantTable;
use super::view::PgTenantView;
use crate::StrategyError;
use crate::transaction::begin::begin_lent;

/// Every check, in the order in which findings are mended.
const CHECKS: &[&[Check]] = &[
    roles::CHECKS,
    presets::CHECKS,
    tables::CHECKS,
    keys::CHECKS,
    around::CHECKS,
    as_owner::CHECKS,
    views::CHECKS,
    missing::CHECKS,
];

/// What is another question on a cluster: row-level security is not forced there, and no policy is restrictive.
const SINGLE_SERVER: [PgFault; 2] = [PgFault::RowSecurityNotForced, PgFault::PolicyForOthers];

impl PgRowTables {
    /// Asks the catalog whether the database keeps tenants' rows apart as this declaration says, and what goes
    /// around it. It changes nothing.
    ///
    /// It looks at the application's role and at what is preset for it; at what the administrator sees; at each declared table's owner, row-level
    /// security, policies, tenant's column, keys, foreign keys and their actions, grants and rules, and at the same of
    /// its partitions and children where that counts; at views, materialized views, `SECURITY DEFINER` functions and
    /// triggers, and large objects through which the application could reach rows of other tenants; at tables with a
    /// tenant's column that are not declared; at declared views; at rights that the application lacks; and at the
    /// setting: whether a session begins with one, and whether it holds in a transaction and not beyond.
    /// [`PgRowBuilder::open`](crate::PgRowBuilder::open) asks it too.
    ///
    /// Tables without a tenant's column that the application may write are no findings, and are
    /// [reported](PgReport::shared_tables) beside them.
    ///
    /// A finding has a [`severity`](PgFault::severity): only those that break the isolation keep the strategy from
    /// opening.
    ///
    /// # Security
    ///
    /// It cannot see what functions do, nor what an extension brings, nor other roles that your service uses.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, close the connection: it may be left inside a transaction.
    ///
    /// # Errors
    ///
    /// If the catalog cannot be read.
    pub async fn verify(&self, administrator: &mut PgConnection) -> Result<PgReport, StrategyError> {
        let report = self.verify_catalog(administrator).await?;
        // What is not distributed, or not as declared on the coordinator, is a finding already.
        if !report.is_safe() {
            return Ok(report);
        }
        Ok(report.and(self.shards(administrator).await?))
    }

    /// The same without a look at the shards of a cluster, in a transaction that may have changed the tables.
    pub(in crate::postgres::row) async fn verify_catalog(
        &self,
        administrator: &mut PgConnection,
    ) -> Result<PgReport, StrategyError> {
        let mut tx = begin_lent(administrator, None).await?;
        prepare(&mut tx).await?;
        let report = if self.is_shared_role() {
            PgReport::new(self.ask(&mut tx, &roles::SHARED).await?)
        } else {
            let shared = self.undeclared_shared_tables(&mut tx).await?;
            PgReport::new(self.findings(&mut tx).await?).with_shared_tables(shared)
        };
        tx.rollback().await?;
        Ok(report)
    }

    /// What can be said of the roles before there is any table. Who may make objects in a schema is not among it: a
    /// migration may still mend that.
    pub(in crate::postgres) async fn verify_roles(
        &self,
        administrator: &mut PgConnection,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let mut tx = begin_lent(administrator, None).await?;
        prepare(&mut tx).await?;
        let mut findings = Vec::new();
        if self.is_shared_role() {
            findings = self.ask(&mut tx, &roles::SHARED).await?;
        } else {
            let checks = roles::CHECKS.iter().chain(presets::CHECKS);
            for check in checks.filter(|check| check.fault != PgFault::SchemaCreate) {
                findings.extend(self.ask(&mut tx, check).await?);
            }
        }
        tx.rollback().await?;
        Ok(findings)
    }

    /// Whether the administrator's role is one of the application's, too. Then nothing else is asked: it would be mended
    /// on the wrong role.
    fn is_shared_role(&self) -> bool {
        self.applications().contains(self.administrator())
    }

    async fn findings(&self, tx: &mut PgConnection) -> Result<Vec<PgFinding>, StrategyError> {
        let mut findings = self.no_cluster(tx).await?;
        if !findings.is_empty() {
            return Ok(findings);
        }
        // Nested, since a future with an adapter of these is not `Send`.
        for checks in CHECKS {
            let holds = |check: &&Check| !self.is_on_citus() || !SINGLE_SERVER.contains(&check.fault);
            for check in checks.iter().filter(holds) {
                findings.extend(self.ask(tx, check).await?);
            }
        }
        findings.extend(self.administrators(tx).await?);
        findings.extend(self.collations(tx).await?);
        findings.extend(self.policies(tx).await?);
        findings.extend(self.grants(tx).await?);
        findings.extend(self.setting_holds(tx).await?);
        findings.extend(self.on_cluster(tx).await?);
        Ok(findings)
    }

    /// What the application may do with each declared table, as `GRANT` spells it.
    fn rights(&self) -> Vec<String> {
        self.tables().iter().map(|table| table.grants().to_string()).collect()
    }

    async fn ask(&self, tx: &mut PgConnection, check: &Check) -> Result<Vec<PgFinding>, StrategyError> {
        let mut findings: Vec<PgFinding> = Vec::new();
        for row in self.about_relations(check.sql, tx).await? {
            // What is not about a role is found for each.
            PgFinding::new(check.fault, row.try_get(0)?, row.try_get(1)?).join(&mut findings);
        }
        Ok(findings)
    }

    /// The answers to a query that stands behind [`RELATIONS`], for each of the application's roles.
    async fn about_relations(&self, sql: &str, tx: &mut PgConnection) -> Result<Vec<PgRow>, StrategyError> {
        let sql = format!("{RELATIONS}{sql}");
        let mut found = Vec::new();
        for application in self.applications() {
            let query = sqlx::query(AssertSqlSafe(sql.clone()))
                .bind(self.names(PgTenantTable::schema))
                .bind(self.names(PgTenantTable::name))
                .bind(self.names(PgTenantTable::tenant_column))
                .bind(application.as_str())
                .bind(self.administrator().as_str())
                .bind(self.rights())
                .bind(self.view_names(PgTenantView::schema))
                .bind(self.view_names(PgTenantView::name));
            found.extend(query.fetch_all(&mut *tx).await?);
        }
        Ok(found)
    }
}

/// No name is looked up where anybody else could have put one, and names are written out alike. The planner takes these
/// queries for long ones, and would compile each for longer than it runs.
pub(in crate::postgres::row::verify) async fn prepare(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    let sql = "set local search_path = pg_catalog, pg_temp; set local quote_all_identifiers = off; set local jit = off";
    sqlx::raw_sql(sql).execute(tx).await?;
    Ok(())
}

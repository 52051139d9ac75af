//! Proof that rows are kept apart, from the database's own catalog.

mod around;
mod as_owner;
mod asking;
mod catalog;
mod check;
mod fault;
mod indexes;
mod note;
mod relations;
mod report;
mod role;
mod table;

use sqlx::PgConnection;

pub(in crate::postgres) use self::role::administrator::Filter;
pub use fault::{PgFault, PgSeverity};
pub use note::PgNote;
pub(in crate::postgres::row) use report::SharedTable;
pub use report::{PgFinding, PgReport};

use self::catalog::Catalog;
use self::check::Check;
use self::role::{missing, presets, roles};
use self::table::{keys, tables, views};
use super::row_tables::PgRowTables;
use super::table::PgTenantTable;
use crate::StrategyError;
use crate::postgres::connection::statement_names::StatementNames;
use crate::postgres::directory::functions;
use crate::postgres::fence::install;
use crate::postgres::identifier::PgIdentifier;
use crate::postgres::versions;
use crate::transaction::begin::begin_lent;

/// The owners of the declared tables.
const OWNERS: &str = "
select distinct pg_catalog.pg_get_userbyid(c.relowner)::text from unnest($1::text[], $2::text[]) as d(schema, name)
join pg_catalog.pg_namespace n on n.nspname = d.schema
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = d.name";

/// Whose connection verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Viewer {
    Administrator,
    Application,
}

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
        let report = self.report(&mut tx, Viewer::Administrator).await?;
        tx.rollback().await?;
        Ok(report)
    }

    /// As [`verify`](Self::verify), on a connection of the application's, for a process that has no administrator.
    ///
    /// PostgreSQL shows the catalog to every role, so it has the same findings. What it cannot see is
    /// [one note](crate::PgNote::AdministratorUnseen). If the declaration does not name the administrator, that is the
    /// owner of the declared tables.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, close the connection: it may be left inside a transaction.
    ///
    /// # Errors
    ///
    /// If the catalog cannot be read, and for a [Citus cluster](Self::with_citus): what holds there is decided on the
    /// shards, which the application may not look at.
    pub async fn verify_as_application(&self, application: &mut PgConnection) -> Result<PgReport, StrategyError> {
        self.verify_serving(application, StatementNames::Kept).await
    }

    /// The same, through a pooler or not.
    pub(in crate::postgres) async fn verify_serving(
        &self,
        application: &mut PgConnection,
        names: StatementNames,
    ) -> Result<PgReport, StrategyError> {
        if self.is_on_citus() {
            let operation = "compare the shards of a Citus cluster";
            return Err(StrategyError::NeedsAdministrator { operation });
        }
        let differs = self.verify_connection(None, application).await?;
        let mut tx = begin_lent(application, names.begin()).await?;
        prepare(&mut tx).await?;
        let owner = self.owner(&mut tx).await?;
        let this = match &owner {
            Some(owner) if !self.names_administrator() => self.clone().with_administrator(owner.clone()),
            _ => self.clone(),
        };
        let report = this.report(&mut tx, Viewer::Application).await?;
        names.forget(&mut tx).await?;
        tx.rollback().await?;
        let owner = owner.map(|owner| owner.to_string());
        let report = report.with(differs).with_note(PgNote::AdministratorUnseen { owner });
        Ok(if this.names_administrator() {
            report
        } else {
            report.without_mends_by_administrator()
        })
    }

    async fn report(&self, tx: &mut PgConnection, viewer: Viewer) -> Result<PgReport, StrategyError> {
        if self.is_shared_role() {
            return Ok(PgReport::new(self.ask(tx, viewer, &[&roles::SHARED]).await?));
        }
        let catalog = self.catalog(tx, viewer).await?;
        let (shared, indexes) = (
            self.undeclared_shared_tables(&catalog.shared_tables),
            indexes::unusable(&catalog.indexes),
        );
        let is_wrong_role = catalog.is_wrong_role;
        let mut findings = self.findings(tx, viewer, catalog).await?;
        if is_wrong_role {
            findings.iter_mut().for_each(PgFinding::ask_for_another_role);
        }
        let report = PgReport::new(findings).with_shared_tables(shared);
        Ok(indexes.into_iter().fold(report, PgReport::with_note))
    }

    /// The one role that owns the declared tables, unless it is the application's.
    async fn owner(&self, tx: &mut PgConnection) -> Result<Option<PgIdentifier>, StrategyError> {
        let owners: Vec<String> = sqlx::query_scalar(OWNERS)
            .bind(self.names(PgTenantTable::schema))
            .bind(self.names(PgTenantTable::name))
            .fetch_all(tx)
            .await?;
        match owners.as_slice() {
            [owner] if self.applications().iter().all(|role| role.as_str() != owner) => {
                owner.parse().map(Some).map_err(StrategyError::other)
            }
            _ => Ok(None),
        }
    }

    /// What can be said of the roles before there is any table. Who may make objects in a schema is not among it: a
    /// migration may still mend that.
    pub(in crate::postgres) async fn verify_roles(
        &self,
        administrator: &mut PgConnection,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let mut tx = begin_lent(administrator, None).await?;
        prepare(&mut tx).await?;
        let checks: Vec<&Check> = if self.is_shared_role() {
            vec![&roles::SHARED]
        } else {
            let checks = roles::CHECKS.iter().chain(presets::CHECKS);
            checks.filter(|check| check.fault != PgFault::SchemaCreate).collect()
        };
        let findings = self.ask(&mut tx, Viewer::Administrator, &checks).await?;
        tx.rollback().await?;
        Ok(findings)
    }

    /// Whether the administrator's role is one of the application's, too. Then nothing else is asked: it would be mended
    /// on the wrong role.
    fn is_shared_role(&self) -> bool {
        self.applications().contains(self.administrator())
    }

    async fn findings(
        &self,
        tx: &mut PgConnection,
        viewer: Viewer,
        catalog: Catalog,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let no_cluster = self.no_cluster(tx).await?;
        if !no_cluster.is_empty() {
            return Ok(no_cluster);
        }
        let mut findings = catalog.findings;
        self.leave_own_functions_out(tx, &mut findings).await?;
        findings.extend(self.administrators(tx, viewer).await?);
        findings.extend(catalog.collations);
        findings.extend(self.policies(tx).await?);
        findings.extend(self.grants(tx).await?);
        findings.extend(self.setting_holds(tx, catalog.presets).await?);
        findings.extend(self.on_cluster(tx, viewer, catalog.has_cluster).await?);
        Ok(findings)
    }

    /// The functions of the fence, of versions and of the directory run as their owner, and show nobody's rows.
    async fn leave_own_functions_out(
        &self,
        tx: &mut PgConnection,
        findings: &mut Vec<PgFinding>,
    ) -> Result<(), StrategyError> {
        if findings
            .iter()
            .all(|finding| finding.fault() != PgFault::FunctionAsOwner)
        {
            return Ok(());
        }
        let mut own = install::functions_as_made(tx).await?;
        own.extend(versions::function_as_made(tx).await?);
        own.extend(functions::functions_as_made(tx).await?);
        findings.retain(|finding| {
            finding.fault() != PgFault::FunctionAsOwner || !own.iter().any(|name| name == finding.object())
        });
        Ok(())
    }
}

/// No name is looked up where anybody else could have put one, and names are written out alike. The planner takes these
/// queries for long ones, and would compile each for longer than it runs. What workers find in parallel has no order.
pub(in crate::postgres::row::verify) async fn prepare(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    let sql = "set local search_path = pg_catalog, pg_temp; set local quote_all_identifiers = off; set local jit = off; \
        set local max_parallel_workers_per_gather = 0";
    sqlx::raw_sql(sql).execute(tx).await?;
    Ok(())
}

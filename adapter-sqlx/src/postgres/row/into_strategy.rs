//! The strategy `row` is opened.

use super::builder::PgRowBuilder;
use super::row_tables::PgRowTables;
use super::strategy::PgRowStrategy;
use super::table::PgTenantTable;
use super::verify::SharedTable;
use crate::postgres::citus::cluster::PROPAGATION;
use crate::postgres::connection::session_pins::SessionPins;
use crate::postgres::connection::stale::LastChange;
use crate::postgres::fence::install;
use crate::postgres::server::PgServer;
use crate::{MigrateOptions, StrategyError};

impl PgRowStrategy {
    /// Describes the database: how the application and the administrator connect, and which tables hold tenants' rows.
    pub fn builder(server: PgServer, tables: PgRowTables) -> PgRowBuilder {
        PgRowBuilder::new(server, tables)
    }
}

impl PgRowBuilder {
    /// Opens the database, in this order:
    ///
    /// 1. It judges the application's role, and whether the application connects as a declared role and to the same
    ///    database as the administrator. Nothing is written before that.
    /// 2. It runs the migrations that are new, each in a transaction of its own. A declared table that one of them makes
    ///    is closed to the application in the same transaction.
    /// 3. In one transaction, it [applies](PgRowTables::apply) what differs from the declaration and
    ///    [verifies](PgRowTables::verify) the result. If that is unsafe, all of this step is undone, so a service that
    ///    is started wrongly takes nothing from one that runs.
    ///
    /// On a [Citus cluster](PgRowTables::with_citus) the shards are compared behind that, when it has committed: one that
    /// differs keeps the database from opening, and undoes nothing.
    ///
    /// On a database that is as it should be it writes nothing, and takes no lock that anybody could wait for.
    ///
    /// Without an administrator ([`PgServer::application_only`]) it writes nothing at all: migrations do not run, and
    /// the application's role [verifies](PgRowTables::verify_as_application) the database as another process left it. On a
    /// Citus cluster it does not open then, since only the administrator may look at the shards.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached in either role or cannot be migrated;
    /// [`UnsafeDatabase`](StrategyError::UnsafeDatabase) with the report if a finding is
    /// [unsafe](crate::PgSeverity::Unsafe); and [`LocksHeld`](StrategyError::LocksHeld) if other sessions hold locks on
    /// what has to be changed; [`MinimumTooGreat`](StrategyError::MinimumTooGreat) and [`TablesBehind`](StrategyError::TablesBehind).
    pub async fn open(mut self) -> Result<PgRowStrategy, StrategyError> {
        self.judge_minimum()?;
        if self.plan.is_fenced && self.schema.is_on_citus() {
            return Err(install::on_citus());
        }
        let report = match self.server.administrator.clone() {
            Some(administrator) => {
                let options = MigrateOptions {
                    lock_timeout: self.lock_timeout.0,
                    ..MigrateOptions::DEFAULT
                };
                self.set_up(administrator, &options).await.map_err(without_version)?.0
            }
            None => self.verify_only().await?,
        };
        for finding in report.findings() {
            tracing::warn!("{finding}");
        }
        for table in report.shared_tables() {
            tracing::warn!("{}", SharedTable(table));
        }
        for note in report.notes() {
            tracing::info!("{note}");
        }
        Ok(self.into_strategy(true))
    }

    /// Opens the strategy for a [`Fleet`](crate::fleet::Fleet) that plans and runs the migrations of the tables: none of them runs
    /// here, and nothing is written or verified, which [`migrate`](crate::IsolationStrategy::migrate) does. No transaction begins.
    ///
    /// # Errors
    ///
    /// [`NeedsAdministrator`](StrategyError::NeedsAdministrator) without the administrator.
    pub async fn open_for_migrations(self) -> Result<PgRowStrategy, StrategyError> {
        self.server.administrator_for("migrate the tables")?;
        Ok(self.into_strategy(false))
    }

    fn into_strategy(self, serves: bool) -> PgRowStrategy {
        let builder = Box::new(self.clone());
        let schemas = self.schema.tables().iter().map(PgTenantTable::schema);
        let pins = SessionPins::of_rows(schemas, &self.extension_schemas);
        let mut application = self.plan.pinned(self.server.application, &pins);
        if self.schema.is_on_citus() && !self.plan.has_transaction_pooler {
            application = application.options([PROPAGATION]);
        }
        let last_change = LastChange::new();
        let (plan, administrators) = (self.plan, self.plan.administrator());
        let administrator = self.server.administrator;
        PgRowStrategy {
            schema: self.schema,
            pins: self.plan.has_transaction_pooler.then_some(pins),
            application: plan
                .application_pool(plan.pool_options(), plan.connect_options(application), &last_change)
                .with_tenant_shares(plan.settings.tenant_shares()),
            administrator: administrator.map(|connect| {
                let connect = administrators.connect_options(connect);
                administrators.refreshed_warm_pool(administrators.pool_options(), connect, &last_change)
            }),
            last_change,
            is_fenced: plan.is_fenced,
            names_tenants: plan.names_tenants,
            builder,
            serves,
        }
    }
}

/// The error as sqlx has it, which names the version already.
fn without_version(error: StrategyError) -> StrategyError {
    match error {
        StrategyError::Migration { source, .. } => *source,
        error => error,
    }
}

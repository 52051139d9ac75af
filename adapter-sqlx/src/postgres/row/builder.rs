//! How the strategy `row` is opened.

use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;

use super::row_tables::PgRowTables;
use super::strategy::PgRowStrategy;
use super::table::PgTenantTable;
use super::verify::SharedTable;
use crate::postgres::attempts::LockTimeout;
use crate::postgres::citus::cluster::PROPAGATION;
use crate::postgres::connection::pool::PoolPlan;
use crate::postgres::connection::session_pins::SessionPins;
use crate::postgres::connection::stale::LastChange;
use crate::postgres::fence::install;
use crate::postgres::identifier::{ParseIdentifierError, PgIdentifier};
use crate::postgres::server::PgServer;
use crate::{MigrateOptions, PoolSettings, StrategyError};

/// Which tables hold tenants' rows, and how they are reached. [`PgRowStrategy::builder`] makes one.
#[derive(Clone, Debug)]
#[must_use]
pub struct PgRowBuilder {
    pub(super) schema: PgRowTables,
    pub(super) server: PgServer,
    pub(super) migrations: Option<Arc<Migrator>>,
    pub(super) plan: PoolPlan,
    extension_schemas: Vec<PgIdentifier>,
    pub(super) allows_findings: bool,
    pub(super) lock_timeout: LockTimeout,
    pub(super) minimum_version: Option<i64>,
}

impl PgRowStrategy {
    /// Describes the database: how the application and the administrator connect, and which tables hold tenants' rows.
    pub fn builder(server: PgServer, tables: PgRowTables) -> PgRowBuilder {
        PgRowBuilder {
            schema: tables,
            server,
            migrations: None,
            plan: PoolPlan::default(),
            extension_schemas: Vec::new(),
            allows_findings: false,
            lock_timeout: LockTimeout::default(),
            minimum_version: None,
        }
    }
}

impl PgRowBuilder {
    /// How the server is reached.
    #[must_use]
    pub const fn server(&self) -> &PgServer {
        &self.server
    }

    /// The declared tables.
    #[must_use]
    pub const fn tables(&self) -> &PgRowTables {
        &self.schema
    }

    /// Whether a session that is bound by its settings is of no use: they are refused, or bind nobody.
    pub(in crate::postgres) const fn lends_no_session(&self) -> bool {
        self.plan.has_transaction_pooler || self.plan.is_fenced
    }

    /// Migrations that the administrator runs when the database is opened.
    pub fn with_migrations(self, migrations: Migrator) -> Self {
        Self {
            migrations: Some(Arc::new(migrations)),
            ..self
        }
    }

    /// A schema that is searched for names without a schema, after the declared tables' schemas and before `public`:
    /// extensions, and types of your own. The default is none.
    ///
    /// The search path of a transaction is these, whatever a role, a database or a connection presets.
    ///
    /// # Errors
    ///
    /// If the name is not valid.
    pub fn with_extension_schema(mut self, schema: &str) -> Result<Self, ParseIdentifierError> {
        self.extension_schemas.push(schema.parse()?);
        Ok(self)
    }

    /// Sets the connection limit and the timeouts. The default is 10 connections of the application. The administrator
    /// has 2 more.
    pub fn with_pool(mut self, settings: PoolSettings) -> Self {
        self.plan.settings = settings.or(self.plan.settings);
        self
    }

    /// Shows the tenant of each transaction in the session's `application_name`, as `tenancy:acme`, while the transaction is under way:
    /// in `pg_stat_activity`, and in the server's log by `%a` of `log_line_prefix`. Default: it does not.
    ///
    /// It is a statement more in the message that begins. PostgreSQL cuts such names after 63 bytes, which are 55 of the tenant's id.
    /// Everybody who may connect to the database can read the names of others' sessions.
    #[doc(alias = "pg_stat_activity")]
    pub const fn with_tenant_in_application_name(mut self) -> Self {
        self.plan.names_tenants = true;
        self
    }

    /// Declares that the application connects through a pooler that lends a connection for one transaction, such as
    /// PgBouncer in transaction mode. Statements are not kept prepared then. The administrator must connect directly.
    #[doc(alias = "PgBouncer")]
    pub const fn with_transaction_pooler(mut self) -> Self {
        self.plan.has_transaction_pooler = true;
        self
    }

    /// Opens the database also where [`verify`](PgRowTables::verify) finds ways around the isolation, and logs
    /// each as a warning: for the time in which they are mended.
    ///
    /// # Security
    ///
    /// Each finding is a way from one tenant to another.
    pub const fn dangerously_allow_findings(mut self) -> Self {
        self.allows_findings = true;
        self
    }

    /// Declares that the database is fenced: each transaction looks at its tenant's place when it begins, so that a suspended or
    /// archived tenant is refused at once, whatever this process has cached. It is a statement more in the message that begins.
    ///
    /// [`enable_fence`](Self::enable_fence) fences the database. [`open`](Self::open) fails with
    /// [`FenceMismatch`](StrategyError::FenceMismatch) if it is not, and without this if it is.
    pub const fn with_fence(mut self) -> Self {
        self.plan.is_fenced = true;
        self
    }

    /// How long one attempt to change a table, or to migrate, waits for a lock. The default is 2 seconds.
    ///
    /// Statements of running services wait behind an attempt for this long at most. An attempt that got no lock is
    /// undone, and made again after about as long: 10 times, then [`open`](Self::open) fails with
    /// [`LocksHeld`](StrategyError::LocksHeld). Migrations that run outside of a transaction wait as long as the server
    /// lets them.
    pub const fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = LockTimeout(timeout);
        self
    }

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

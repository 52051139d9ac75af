//! How the strategy `row` is described before it is opened.

use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;

use super::row_tables::PgRowTables;
use crate::PoolSettings;
use crate::postgres::attempts::LockTimeout;
use crate::postgres::connection::pool::PoolPlan;
use crate::postgres::identifier::{ParseIdentifierError, PgIdentifier};
use crate::postgres::server::PgServer;

/// Which tables hold tenants' rows, and how they are reached. [`PgRowStrategy::builder`](crate::PgRowStrategy::builder) makes one.
#[derive(Clone, Debug)]
#[must_use]
pub struct PgRowBuilder {
    pub(super) schema: PgRowTables,
    pub(super) server: PgServer,
    pub(super) migrations: Option<Arc<Migrator>>,
    pub(super) plan: PoolPlan,
    pub(super) extension_schemas: Vec<PgIdentifier>,
    pub(super) allows_findings: bool,
    pub(super) lock_timeout: LockTimeout,
    pub(super) minimum_version: Option<i64>,
}

impl PgRowBuilder {
    pub(super) fn new(server: PgServer, tables: PgRowTables) -> Self {
        Self {
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
    /// [`FenceMismatch`](crate::StrategyError::FenceMismatch) if it is not, and without this if it is.
    pub const fn with_fence(mut self) -> Self {
        self.plan.is_fenced = true;
        self
    }

    /// How long one attempt to change a table, or to migrate, waits for a lock. The default is 2 seconds.
    ///
    /// Statements of running services wait behind an attempt for this long at most. An attempt that got no lock is
    /// undone, and made again after about as long: 10 times, then [`open`](Self::open) fails with
    /// [`LocksHeld`](crate::StrategyError::LocksHeld). Migrations that run outside of a transaction wait as long as the server
    /// lets them.
    pub const fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = LockTimeout(timeout);
        self
    }
}

//! How tenants' databases are reached.

use std::fmt;
use std::time::Duration;

use sqlx::migrate::Migrator;

use super::connection_budget::{BudgetLimits, ConnectionBudget};
use super::servers::{PgServers, Servers};
use super::strategy::PgDatabaseStrategy;
use crate::postgres::connection::direct::DirectServers;
use crate::postgres::connection::pool::PoolPlan;
use crate::postgres::connection::stale::LastChange;
use crate::postgres::identifier::{ParseIdentifierError, PgIdentifier};
use crate::postgres::server::PgServer;
use crate::postgres::tenant_schema::names::SchemaNames;
use crate::strategy::minimum_version::judge_minimum;
use crate::{PoolSettings, StrategyError};

/// How tenants' databases are named and reached, and how many connections there are.
/// [`PgDatabaseStrategy::builder`] makes one.
#[must_use]
pub struct PgDatabaseBuilder {
    pub(super) application_role: Option<PgIdentifier>,
    pub(in crate::postgres) servers: Servers,
    pub(in crate::postgres) names: SchemaNames,
    pub(super) template: PgIdentifier,
    pub(super) has_migrated_template: bool,
    pub(super) migrations: Option<Migrator>,
    pub(in crate::postgres) plan: PoolPlan,
    pub(super) max_connections_per_tenant: usize,
    pub(super) max_waiting: usize,
    minimum_version: Option<i64>,
}

const DEFAULT_POOL: PoolSettings = PoolSettings::new()
    .with_max_connections(50)
    .with_idle_timeout(Duration::from_secs(5 * 60));

impl PgDatabaseStrategy {
    /// Describes the server of tenants whose record names none. The administrator's database is the one from which
    /// databases are created; the application's is not used.
    ///
    /// The application's role, to which each tenant's database is opened, is the user name of its connect options.
    pub fn builder(server: PgServer) -> PgDatabaseBuilder {
        PgDatabaseBuilder {
            application_role: None,
            servers: Servers {
                default: server,
                others: None,
            },
            names: SchemaNames::default(),
            template: PgIdentifier::from_static("template1"),
            has_migrated_template: false,
            migrations: None,
            plan: PoolPlan {
                settings: DEFAULT_POOL,
                has_transaction_pooler: false,
                is_fenced: false,
                names_tenants: false,
            },
            max_connections_per_tenant: 5,
            max_waiting: 1000,
            minimum_version: None,
        }
    }
}

impl PgDatabaseBuilder {
    /// How the server of tenants without a placement is reached.
    #[must_use]
    pub const fn server(&self) -> &PgServer {
        &self.servers.default
    }

    /// Servers beside the default one, by the placement that a tenant's record names. The bound on connections is
    /// over all of them. The application's role on each is the user name of its connect options there.
    ///
    /// A placement that is not known is [`StrategyError::UnknownPlacement`](crate::StrategyError::UnknownPlacement).
    pub fn with_servers(mut self, servers: impl PgServers) -> Self {
        self.servers.others = Some(Box::new(servers));
        self
    }

    /// Names the application's role on every server, where they know it by another name than the user name of the
    /// application's connect options: a pooler may connect everyone as a role of its own.
    pub fn with_application_role(mut self, role: PgIdentifier) -> Self {
        self.application_role = Some(role);
        self
    }

    /// Migrations that the administrator runs in each tenant's database when the tenant is provisioned, each in a
    /// transaction of its own.
    pub fn with_migrations(mut self, mut migrations: Migrator) -> Self {
        // Provisioning locks by itself.
        migrations.set_locking(false);
        self.migrations = Some(migrations);
        self
    }

    /// What stands before the id in a database's name. The default is `tenant_`.
    ///
    /// The prefix and an id have 63 bytes at most. Databases are the server's: give each application on it a
    /// prefix of its own.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.names.prefix = prefix.into();
        self
    }

    /// What new databases are copies of. The default is `template1`.
    ///
    /// PostgreSQL copies no template while a session is connected to it; provisioning waits for 5 seconds at most.
    ///
    /// # Errors
    ///
    /// If the name is none.
    pub fn with_template(mut self, template: &str) -> Result<Self, ParseIdentifierError> {
        self.template = template.parse()?;
        Ok(self)
    }

    /// Makes each new database a copy of one that has run all migrations, so that a sign-up does not wait for them. That
    /// database, `tenancy_template_…` on each server, is made and migrated by provisioning, which does so one tenant at a time;
    /// it is a copy of the [template](Self::with_template), and nobody but the administrator connects to it.
    ///
    /// Rows that migrations write are copied, too. If a migration is changed that has run there and in no tenant's database yet,
    /// drop that database.
    pub const fn with_migrated_template(mut self) -> Self {
        self.has_migrated_template = true;
        self
    }

    /// Sets the connection limit and the timeouts. The default is 50 connections of the application to all databases
    /// together, each of which stays open for 5 minutes without being used.
    pub fn with_pool(mut self, settings: PoolSettings) -> Self {
        self.plan.settings = settings.or(self.plan.settings);
        self
    }

    /// Sets the greatest number of connections that one tenant uses at a time, at least 1. The default is 5.
    pub const fn with_max_connections_per_tenant(mut self, max: usize) -> Self {
        self.max_connections_per_tenant = max;
        self
    }

    /// Sets how many callers may wait for a connection at a time. The default is 1,000; more are refused at once.
    pub const fn with_max_waiting(mut self, max: usize) -> Self {
        self.max_waiting = max;
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

    /// Declares that tenants' databases are fenced: each transaction looks at its tenant's place when it begins, so that a
    /// suspended or archived tenant is refused at once, whatever this process has cached. It is a statement more in the message that begins.
    ///
    /// Each tenant's database has a fence of its own: [provisioning](crate::TenantDb::provision) makes it, of a tenant that was
    /// provisioned before too. A database that has none ends in [`FenceMismatch`](StrategyError::FenceMismatch) when a connection
    /// is made to it, and so does a fenced one without this. So provision all tenants once, with the fence, and then restart what
    /// serves; afterwards let the places follow the directory, by
    /// [`finish_pending_places`](crate::SqlDirectory::finish_pending_places).
    ///
    /// # Security
    ///
    /// The application's role may connect to each tenant's database, as before. A process that was started before the fence does
    /// not look at places until it opens a new connection, which fails; one of a version that knows no fence does not until it is
    /// started again. Restart them before you rely on it, or change the application's role, which leaves the old one without
    /// rights.
    pub const fn with_fence(mut self) -> Self {
        self.plan.is_fenced = true;
        self
    }

    /// Sets the least version of a tenant's data with which the tenant is served: that of the migration that this release needs. Default:
    /// none, and tenants that are behind are served.
    ///
    /// A transaction of a tenant that is below it, or whose version is not [recorded](crate::drift#versions-of-tenants), does not begin:
    /// [`FenceRefusal::Behind`](crate::FenceRefusal::Behind), answered with 503 `tenant_updating`. Other tenants are served, and this one is
    /// from the moment at which its migration commits. What administers a tenant, such as an export, begins whatever its version is.
    /// It is a statement more in the message that begins.
    ///
    /// A tenant's version stands in its database, where [provisioning](crate::TenantDb::provision) and migrations record it.
    pub const fn with_minimum_version(mut self, version: i64) -> Self {
        self.minimum_version = Some(version);
        self
    }

    /// Makes the strategy. Nothing is connected yet: a tenant's database is connected when its first transaction begins.
    ///
    /// # Errors
    ///
    /// [`MinimumTooGreat`](StrategyError::MinimumTooGreat).
    pub async fn open(self) -> Result<PgDatabaseStrategy, StrategyError> {
        judge_minimum(self.minimum_version, self.migrations.as_ref())?;
        Ok(PgDatabaseStrategy {
            budget: ConnectionBudget::new(BudgetLimits {
                max: self.plan.settings.max_connections(),
                max_per_tenant: self.max_connections_per_tenant,
                max_waiting: self.max_waiting,
                timeout: self.plan.settings.acquire_timeout(),
            }),
            names: self.names,
            application_role: self.application_role,
            servers: self.servers,
            template: self.template,
            has_migrated_template: self.has_migrated_template,
            migrations: self.migrations,
            direct: DirectServers::default(),
            plan: self.plan,
            last_change: LastChange::new(),
            minimum_version: self.minimum_version,
        })
    }
}

impl fmt::Debug for PgDatabaseBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgDatabaseBuilder")
            .field("names", &self.names)
            .field("pool", &self.plan.settings)
            .finish_non_exhaustive()
    }
}

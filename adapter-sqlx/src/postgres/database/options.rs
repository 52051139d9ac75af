//! How tenants' databases are reached.

use std::fmt;
use std::time::Duration;

use sqlx::migrate::Migrator;

use super::servers::{PgServers, Servers};
use super::strategy::PgDatabaseStrategy;
use crate::postgres::connection::pool::PoolSettings;
use crate::postgres::identifier::{ParseIdentifierError, PgIdentifier};
use crate::postgres::tenant_schema::names::SchemaNames;

/// How tenants' databases are named and reached, and how many connections there are.
pub struct PgDatabaseOptions {
    pub(in crate::postgres) application_role: PgIdentifier,
    pub(in crate::postgres) servers: Servers,
    pub(in crate::postgres) names: SchemaNames,
    pub(in crate::postgres) template: PgIdentifier,
    pub(in crate::postgres) migrations: Option<Migrator>,
    pub(in crate::postgres) settings: PoolSettings,
    pub(in crate::postgres) max_connections: usize,
    pub(in crate::postgres) max_connections_per_tenant: usize,
    pub(in crate::postgres) max_waiting: usize,
    pub(in crate::postgres) idle_timeout: Duration,
}

impl PgDatabaseOptions {
    /// Servers beside the default one, by the placement that a tenant's record names. The bound on connections is
    /// over all of them. The application's role has the same name on each.
    ///
    /// A placement that nobody knows is [`StrategyError::UnknownPlacement`](crate::StrategyError::UnknownPlacement).
    #[must_use]
    pub fn with_servers(mut self, servers: impl PgServers) -> Self {
        self.servers.others = Some(Box::new(servers));
        self
    }

    /// Migrations that the administrator runs in each tenant's database when the tenant is provisioned: all of
    /// them or none, in one transaction.
    #[must_use]
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
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.names.prefix = prefix.into();
        self
    }

    /// What new databases are copies of. The default is `template1`.
    ///
    /// While somebody is connected to it PostgreSQL makes none; provisioning waits for 5 seconds at most.
    ///
    /// # Errors
    ///
    /// Where the name is none.
    pub fn with_template(mut self, template: &str) -> Result<Self, ParseIdentifierError> {
        self.template = template.parse()?;
        Ok(self)
    }

    /// The greatest number of the application's connections to all databases together, at least 1. The default
    /// is 50.
    #[must_use]
    pub const fn with_max_connections(mut self, max: usize) -> Self {
        self.max_connections = max;
        self
    }

    /// The greatest number of connections that one tenant uses at a time, at least 1. The default is 5.
    #[must_use]
    pub const fn with_max_connections_per_tenant(mut self, max: usize) -> Self {
        self.max_connections_per_tenant = max;
        self
    }

    /// How many may wait for a connection at a time. The default is 1,000.
    #[must_use]
    pub const fn with_max_waiting(mut self, max: usize) -> Self {
        self.max_waiting = max;
        self
    }

    /// How long to wait for a place among the connections, and then for the connection. The default is 5
    /// seconds.
    #[must_use]
    pub const fn with_acquire_timeout(mut self, timeout: Duration) -> Self {
        self.settings.acquire_timeout = timeout;
        self
    }

    /// How long a connection stays open without being used. The default is 5 minutes.
    #[must_use]
    pub const fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Says that the application connects through a pooler that lends connections for a transaction, such
    /// as PgBouncer. Statements are not kept prepared then. The administrator's way must be direct.
    #[must_use]
    pub const fn with_transaction_pooler(mut self) -> Self {
        self.settings.has_transaction_pooler = true;
        self
    }

    /// Makes the strategy. Nothing is connected yet.
    #[must_use]
    pub fn open(self) -> PgDatabaseStrategy {
        PgDatabaseStrategy::new(self)
    }
}

impl fmt::Debug for PgDatabaseOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgDatabaseOptions")
            .field("names", &self.names)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

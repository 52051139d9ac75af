//! How the strategy `schema` is opened.

use std::sync::Arc;

use sqlx::migrate::Migrator;
use sqlx::{ConnectOptions, Connection};
use tenancy_core::names::TenantId;

use super::cluster;
use super::migrations::Migrations;
use super::strategy::PgSchemaStrategy;
use crate::postgres::citus::cluster::PROPAGATION;
use crate::postgres::connection::pool::PoolPlan;
use crate::postgres::connection::stale::LastChange;
use crate::postgres::fence::{install, place, standing};
use crate::postgres::identifier::{ParseIdentifierError, PgIdentifier};
use crate::postgres::server::PgServer;
use crate::postgres::tenant_schema::names::SchemaNames;
use crate::postgres::versions;
use crate::strategy::minimum_version::judge_minimum;
use crate::{Place, PoolSettings, StrategyError};

/// How tenants' schemas are named and reached. [`PgSchemaStrategy::builder`] makes one.
#[derive(Debug)]
#[must_use]
pub struct PgSchemaBuilder {
    application_role: Option<PgIdentifier>,
    names: SchemaNames,
    server: PgServer,
    migrations: Option<Migrator>,
    plan: PoolPlan,
    keeps_prepared: bool,
    is_sharded: bool,
    minimum_version: Option<i64>,
}

impl PgSchemaStrategy {
    /// Describes the database: how the application and, unless the process only serves, the administrator connect.
    ///
    /// The application's role, to which each tenant's schema is opened, is the user name of its connect options.
    pub fn builder(server: PgServer) -> PgSchemaBuilder {
        PgSchemaBuilder {
            application_role: None,
            names: SchemaNames::default(),
            server,
            migrations: None,
            plan: PoolPlan::default(),
            keeps_prepared: true,
            is_sharded: false,
            minimum_version: None,
        }
    }
}

impl PgSchemaBuilder {
    /// How the server is reached.
    #[must_use]
    pub const fn server(&self) -> &PgServer {
        &self.server
    }

    pub(in crate::postgres) const fn names(&self) -> &SchemaNames {
        &self.names
    }

    /// Whether a session that is bound by its settings is of no use: they are refused, or bind nobody.
    pub(in crate::postgres) const fn lends_no_session(&self) -> bool {
        self.plan.has_transaction_pooler || self.plan.is_fenced
    }

    pub(in crate::postgres) const fn is_on_citus(&self) -> bool {
        self.is_sharded
    }

    /// Names the application's role, where the server knows it by another name than the user name of the application's
    /// connect options: a pooler may connect everyone as a role of its own.
    pub fn with_application_role(mut self, role: PgIdentifier) -> Self {
        self.application_role = Some(role);
        self
    }

    /// Migrations that the administrator runs in each tenant's schema when the tenant is provisioned.
    pub fn with_migrations(mut self, mut migrations: Migrator) -> Self {
        // Provisioning locks by itself, and only others of the same tenant.
        migrations.set_locking(false);
        self.migrations = Some(migrations);
        self
    }

    /// What stands before the id in a schema's name. The default is `tenant_`.
    ///
    /// The prefix and an id have 63 bytes at most. Without a prefix an id is a schema's name as it is: see
    /// to it that no other schema has an id's name.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.names.prefix = prefix.into();
        self
    }

    /// A schema that is searched after the tenant's: extensions, and types of your own. The default is none.
    ///
    /// The administrator grants its use. A table in it is every tenant's: migrations may write its rows and refer to
    /// it, and neither make nor alter it. Extensions, types and functions in it they may make.
    ///
    /// # Errors
    ///
    /// If the name is none.
    pub fn with_extension_schema(mut self, schema: &str) -> Result<Self, ParseIdentifierError> {
        self.names.shared.push(schema.parse()?);
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

    /// Declares that the database is a Citus cluster's, which places each tenant's schema on one of its workers
    /// (schema-based sharding). A schema that is there already is distributed when its tenant is provisioned.
    ///
    /// Both roles connect to the coordinator. Write one statement per migration.
    pub const fn with_citus(mut self) -> Self {
        self.is_sharded = true;
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

    /// Sets the least version of a tenant's data with which the tenant is served: that of the migration that this release needs. Default:
    /// none, and tenants that are behind are served.
    ///
    /// A transaction of a tenant that is below it, or whose version is not [recorded](crate::drift#versions-of-tenants), does not begin:
    /// [`FenceRefusal::Behind`](crate::FenceRefusal::Behind), answered with 503 `tenant_updating`. Other tenants are served, and this one is
    /// from the moment at which its migration commits. What administers a tenant, such as an export, begins whatever its version is.
    /// It is a statement more in the message that begins.
    ///
    /// [`open`](Self::open) as the administrator makes what looks at the version, and without the administrator it fails if that has not
    /// been made. A Citus cluster has no record of versions.
    pub const fn with_minimum_version(mut self, version: i64) -> Self {
        self.minimum_version = Some(version);
        self
    }

    /// Fences the database, as the administrator: it makes the schema `tenancy_fence`, with the table of places and the function by
    /// which a transaction enters. Doing it again does what is missing. Afterwards let the places follow the directory, by
    /// [`finish_pending_places`](crate::SqlDirectory::finish_pending_places).
    ///
    /// # Security
    ///
    /// The application's role has the right to use each tenant's schema, as before. A process that was started before the fence
    /// does not look at places until it opens a new connection, which fails; one of a version that knows no fence does not until
    /// it is started again. Restart them before you rely on it, or change the application's role, which leaves the old one
    /// without rights.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, or refuses it; [`NeedsAdministrator`](StrategyError::NeedsAdministrator) without the
    /// administrator. On a Citus cluster, which has no fence.
    pub async fn enable_fence(&self) -> Result<(), StrategyError> {
        if self.is_sharded {
            return Err(install::on_citus());
        }
        let application = self.application_role()?;
        let administrator = self.server.administrator_for("enable the fence")?;
        let mut connection = administrator.connect().await?;
        install::enable(&mut connection, &[application]).await?;
        Ok(connection.close().await?)
    }

    /// Whether the database is fenced now, whatever the configuration says.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached.
    pub async fn is_database_fenced(&self) -> Result<bool, StrategyError> {
        standing::is_database_fenced(self.plan.options_to_look(&self.server)).await
    }

    /// The places of all tenants, by their ids, as the database has them; none if it is not fenced. For operators, who compare them with
    /// the directory's records.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached; [`NeedsAdministrator`](StrategyError::NeedsAdministrator) without the administrator.
    pub async fn places(&self) -> Result<Vec<(TenantId, Place)>, StrategyError> {
        place::read_all(&self.server).await
    }

    fn application_role(&self) -> Result<PgIdentifier, StrategyError> {
        match &self.application_role {
            Some(role) => Ok(role.clone()),
            None => self.server.application_role().map_err(StrategyError::other),
        }
    }

    /// Prepares each statement anew: for tenants whose tables differ. It costs a round trip for each.
    pub const fn without_prepared_statements(mut self) -> Self {
        self.keeps_prepared = false;
        self
    }

    /// Connects as the administrator, or as the application without one, and makes the pools.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, the application's user name is no role's, or all tenants would share one table
    /// of migrations; [`FenceMismatch`](StrategyError::FenceMismatch) if the database is fenced and this is not, or the other way
    /// round; [`MinimumTooGreat`](StrategyError::MinimumTooGreat). [With Citus](Self::with_citus), [`UnsafeDatabase`](StrategyError::UnsafeDatabase) if the extension is
    /// missing, or a role is not connected to the coordinator.
    pub async fn open(self) -> Result<PgSchemaStrategy, StrategyError> {
        if self.migrations.as_ref().is_some_and(|m| m.table_name.contains('.')) {
            let reason = "the table of migrations names a schema, and each tenant needs one of its own";
            return Err(StrategyError::other(reason));
        }
        judge_minimum(self.minimum_version, self.migrations.as_ref())?;
        if self.is_sharded && self.minimum_version.is_some() {
            return Err(versions::on_citus());
        }
        let application_role = self.application_role()?;
        if self.plan.is_fenced && self.is_sharded {
            return Err(install::on_citus());
        }
        let applications = [application_role.clone()];
        let mut migrating = None;
        let administrator = self.server.administrator.map(|connect| {
            let connect = if self.is_sharded {
                connect.options([PROPAGATION])
            } else {
                connect
            };
            migrating = Some(Migrations::new(connect.clone()));
            self.plan.administrator().warm_pool(connect)
        });
        let mut connect = self.plan.connect_options(self.server.application);
        if !self.plan.has_transaction_pooler {
            // Where a transaction was ended behind its back, no name is `public`'s. Poolers refuse this.
            connect = connect.options([("search_path", "pg_temp")]);
            if self.is_sharded {
                connect = connect.options([PROPAGATION]);
            }
        }
        if let Some(administrator) = &administrator {
            let mut connection = administrator.pool().acquire().await?;
            standing::require(&mut connection, self.plan.is_fenced, &applications).await?;
            if self.minimum_version.is_some() {
                versions::enable(&mut connection).await?;
            }
            if self.is_sharded {
                cluster::refuse_unsafe(cluster::report(&mut connection, &connect).await?)?;
            }
            connection.close().await?;
        }
        let keeps_prepared = self.keeps_prepared && !self.plan.has_transaction_pooler;
        if !keeps_prepared {
            connect = connect.statement_cache_capacity(0);
        }
        let last_change = LastChange::new();
        let application = self
            .plan
            .application_pool(self.plan.pool_options(), connect, &last_change)
            .with_tenant_shares(self.plan.settings.tenant_shares());
        if administrator.is_none() {
            let mut connection = application.pool().acquire().await?;
            standing::require(&mut connection, self.plan.is_fenced, &applications).await?;
            if self.minimum_version.is_some() {
                versions::require_enabled(&mut connection).await?;
            }
            if self.is_sharded {
                cluster::refuse_unsafe(cluster::report_of_application(&mut connection).await?)?;
            }
        }
        Ok(PgSchemaStrategy {
            names: self.names,
            application_role,
            migrations: self.migrations.map(Arc::new),
            migrating,
            application,
            keeps_prepared,
            is_sharded: self.is_sharded,
            administrator,
            last_change,
            is_fenced: self.plan.is_fenced,
            names_tenants: self.plan.names_tenants,
            minimum_version: self.minimum_version,
        })
    }
}

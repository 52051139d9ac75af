//! A database for each tenant.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use sqlx::Postgres;
use sqlx::migrate::Migrator;
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::{PlacementName, StrategyName, TenantId};

use super::connection_budget::{ConnectionBudget, Exhausted};
use super::found::is_not_provisioned;
use super::provision::{self, DatabaseProvisioning};
use super::servers::Servers;
use crate::drift::{DriftOptions, StrategyDrift};
use crate::postgres::connection::begin::BeginText;
use crate::postgres::connection::direct::DirectServers;
use crate::postgres::connection::pool::PoolPlan;
use crate::postgres::connection::stale::LastChange;
use crate::postgres::connection::warm_pool::WarmPool;
use crate::postgres::fence::enter::{Enter, Seal};
use crate::postgres::fence::refusal::fenced;
use crate::postgres::fence::retry::until_unlocked;
use crate::postgres::identifier::PgIdentifier;
use crate::postgres::server::PgServer;
use crate::postgres::tenant_schema::names::SchemaNames;
use crate::postgres::versions::{Requirement, is_behind};
use crate::strategy::isolation_strategy::tenant_of;
use crate::{
    Binding, DataVersion, FenceRefusal, IsolationStrategy, MigrateOptions, Migrated, MigrationTarget, Place,
    PlaceChange, Removal, StrategyError, StrategyFuture, StrategyMigrations, StrategyTransaction,
};

/// The strategy `database`: each tenant has a database of its own.
///
/// - A connection belongs to one tenant's database for all of its life: PostgreSQL has no way from one to
///   another.
/// - A tenant without a database is [`StrategyError::NotProvisioned`]. Beginning a transaction never creates one.
/// - There are 50 connections at most over all tenants, used and idle ones together, and 5 of them in use by
///   one tenant. They are made when they are needed. Where all are taken, the least recently used of the idle
///   ones is closed. Where none is idle, `begin` waits its turn, for 5 seconds at most, and ends in
///   [`StrategyError::TooManyInUse`]: answer 503. At most 1,000 wait; more are refused at once.
///
/// Two roles share the work. The application's reads and writes rows. The administrator's makes databases
/// (`CREATEDB`), owns and migrates them, on connections of its own beyond the bound.
///
/// # Making one
///
/// From the [template](crate::PgDatabaseBuilder::with_template), under a lock that other processes see. Each migration is a
/// transaction of its own with its row in the table of migrations; one marked `-- no-transaction` that PostgreSQL runs in
/// no transaction, such as `CREATE INDEX CONCURRENTLY`, runs outside of one. The application is let in last: until then,
/// after a failed migration too, the tenant is [`StrategyError::NotProvisioned`]. Doing it again does what is missing, after
/// a crash too. A tenant that was provisioned before is served meanwhile.
///
/// A database says in its comment, `tenant ID`, whose it is. It is made under a name of its own, `tenancy_unfinished_…`,
/// and gets the tenant's name after the comment. A database of the tenant's name that has another comment or none is
/// refused, both by provisioning and by removal: it is another service's.
///
/// # Security
///
/// The strongest of the three: no SQL reads another database, unless the server has extensions for it
/// (`dblink`, foreign data wrappers): grant those to nobody. The application's role may connect to every
/// tenant's database, so who has its password has all of them. Roles are the server's, and shared.
pub struct PgDatabaseStrategy {
    pub(in crate::postgres) names: SchemaNames,
    pub(super) application_role: Option<PgIdentifier>,
    pub(in crate::postgres) servers: Servers,
    pub(in crate::postgres) template: PgIdentifier,
    pub(super) has_migrated_template: bool,
    pub(in crate::postgres) migrations: Option<Migrator>,
    pub(super) direct: DirectServers,
    pub(super) plan: PoolPlan,
    pub(super) budget: ConnectionBudget<Key, WarmPool>,
    pub(super) last_change: LastChange,
    pub(super) minimum_version: Option<i64>,
}

/// A tenant's database: a tenant that was moved has another one.
pub(super) type Key = (TenantId, Option<PlacementName>);

fn key(tenant: &TenantRecord) -> Key {
    (tenant.id.clone(), tenant.placement.clone())
}

impl PgDatabaseStrategy {
    /// The name under which records choose this strategy.
    pub const NAME: &'static str = "database";

    /// Replaces each connection before it is used again. For migrations that another process ran.
    pub fn refresh(&self) {
        self.last_change.mark();
    }

    /// Removes a tenant's database and all its data, and ends all sessions in it. If there is none,
    /// nothing happens.
    ///
    /// # Security
    ///
    /// It cannot be undone. Make sure first that the tenant is no longer served.
    ///
    /// # Errors
    ///
    /// If the server refuses it, and if a database of that name does not belong to the administrator or does not
    /// say in its comment, `tenant ID`, that it is this tenant's.
    pub async fn dangerously_drop_database(&self, tenant: &TenantRecord) -> Result<(), StrategyError> {
        let database = self.names.of(&tenant.id)?;
        let server = self.servers.of(tenant).await?;
        let administrator = server.administrator_for("remove a tenant's database")?;
        for idle in self.budget.forget(&key(tenant)) {
            idle.close().await;
        }
        provision::remove(administrator, &tenant.id, &database).await
    }

    async fn begin(&self, binding: Binding<'_>) -> Result<StrategyTransaction<Postgres>, StrategyError> {
        let database = self.names.of(binding.id())?;
        let mut text = BeginText::at(binding.mode(), binding.isolation())
            .name_tenant(self.plan.names_tenants.then_some(binding.id()))
            .require(Requirement::new(&binding, self.minimum_version));
        if self.plan.has_transaction_pooler {
            text = text.forget_prepared();
        }
        if !self.plan.is_fenced {
            return self.begin_once(&binding, &database, text).await;
        }
        let text = text.enter(Enter::new(&binding, Seal::Unsealed));
        let timeout = self.plan.settings.acquire_timeout();
        until_unlocked(timeout, || self.begin_once(&binding, &database, text.clone())).await
    }

    async fn begin_once(
        &self,
        binding: &Binding<'_>,
        database: &PgIdentifier,
        text: BeginText,
    ) -> Result<StrategyTransaction<Postgres>, StrategyError> {
        let permit = self.budget.take(&key(binding.tenant())).await;
        let mut permit = permit.map_err(|exhausted| self.refusal(exhausted))?;
        if let Some(others) = permit.take_evicted() {
            others.close().await;
        }
        let pool = match permit.cached() {
            Some(pool) => pool.clone(),
            None => {
                let server = self.servers.of(binding.tenant()).await?;
                let pool = self.pool_of_one(server, database);
                permit.cache(pool.clone());
                pool
            }
        };
        let may_be_behind = text.has_requirement();
        let error = match pool.begin(text).await {
            Ok(begun) => return Ok(begun.with_lease(permit)),
            Err(error) => error,
        };
        let error = match fenced(error) {
            // The connection is as good as before.
            Ok(refusal @ StrategyError::Fenced(_)) => return Err(refusal),
            Ok(mismatch) => mismatch,
            Err(error) if may_be_behind && is_behind(&error) => {
                return Err(StrategyError::Fenced(FenceRefusal::Behind));
            }
            Err(error) if is_not_provisioned(&error) => StrategyError::NotProvisioned {
                tenant: binding.id().clone(),
            },
            Err(error) => error.into(),
        };
        // A pool that cannot be used takes up no permit.
        if let Some(pool) = permit.take_cached() {
            pool.close().await;
        }
        Err(error)
    }

    /// A pool of one connection, which a permit caches.
    fn pool_of_one(&self, server: PgServer, database: &PgIdentifier) -> WarmPool {
        let application = server.application.database(database.as_str());
        let connect = self.plan.connect_options(application);
        let pool = self.plan.pool_options().max_connections(1);
        self.plan.application_pool(pool, connect, &self.last_change)
    }

    fn refusal(&self, exhausted: Exhausted) -> StrategyError {
        match exhausted {
            Exhausted::Full => StrategyError::TooManyInUse {
                max: self.budget.limits().max,
            },
            Exhausted::Closed => StrategyError::Closed,
        }
    }

    /// The application's role on a server.
    pub(in crate::postgres) fn application_of(&self, server: &PgServer) -> Result<PgIdentifier, StrategyError> {
        match &self.application_role {
            Some(role) => Ok(role.clone()),
            None => server.application_role().map_err(StrategyError::other),
        }
    }

    async fn provision_tenant(&self, tenant: &TenantRecord) -> Result<(), StrategyError> {
        let database = self.names.of(&tenant.id)?;
        let server = self.servers.of(tenant).await?;
        let administrator = server.administrator_for("provision a tenant's database")?;
        let application = self.application_of(&server)?;
        let provisioning = DatabaseProvisioning {
            tenant: &tenant.id,
            database: &database,
            template: &self.template,
            migrated_template: self.has_migrated_template.then_some(&*self.names.prefix),
            application: &application,
            migrations: self.migrations.as_ref(),
            administrator,
            is_fenced: self.plan.is_fenced,
        };
        // Marked even if the future is dropped and the outcome is not known.
        let changes = self.last_change.mark_on_drop();
        changes.known(provisioning.run().await?);
        Ok(())
    }
}

impl IsolationStrategy<Postgres> for PgDatabaseStrategy {
    fn name(&self) -> StrategyName {
        StrategyName::from_static(Self::NAME)
    }

    fn begin<'f>(&'f self, binding: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<Postgres>> {
        Box::pin(self.begin(binding))
    }

    fn check<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(async {
            self.names.of(&tenant.id)?;
            self.servers.of(tenant).await.map(drop)
        })
    }

    fn provision<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(self.provision_tenant(tenant))
    }

    fn remove<'f>(&'f self, removal: Removal<'f>) -> StrategyFuture<'f, ()> {
        Box::pin(self.dangerously_drop_database(removal.tenant()))
    }

    fn migrations(&self) -> Option<StrategyMigrations<'_>> {
        self.migrations.as_ref().map(StrategyMigrations::of_each_tenant)
    }

    fn migrate<'f>(&'f self, target: MigrationTarget<'f>, options: &'f MigrateOptions) -> StrategyFuture<'f, Migrated> {
        Box::pin(async move { self.migrate_tenant(tenant_of(self.name(), target)?, options).await })
    }

    fn version<'f>(&'f self, target: MigrationTarget<'f>) -> StrategyFuture<'f, DataVersion> {
        Box::pin(async move { self.version_of(tenant_of(self.name(), target)?).await })
    }

    fn server(&self, tenant: &TenantRecord) -> String {
        self.server_of(tenant)
    }

    fn drift<'f>(
        &'f self,
        tenants: &'f [&'f TenantRecord],
        options: &'f DriftOptions,
    ) -> StrategyFuture<'f, StrategyDrift> {
        Box::pin(self.drift_of(tenants, options))
    }

    fn is_fenced(&self) -> bool {
        self.plan.is_fenced
    }

    fn has_minimum_version(&self) -> bool {
        self.minimum_version.is_some()
    }

    fn place<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, Option<Place>> {
        Box::pin(self.place_of(tenant))
    }

    fn change_place<'f>(&'f self, tenant: &'f TenantRecord, change: PlaceChange) -> StrategyFuture<'f, Option<Place>> {
        Box::pin(self.change_place_of(tenant, change))
    }

    fn refresh(&self) {
        self.last_change.mark();
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            for pool in self.budget.close() {
                pool.close().await;
            }
        })
    }
}

impl fmt::Debug for PgDatabaseStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgDatabaseStrategy")
            .field("names", &self.names)
            .field("limits", &self.budget.limits())
            .finish_non_exhaustive()
    }
}

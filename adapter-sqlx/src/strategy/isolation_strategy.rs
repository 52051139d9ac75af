//! How a tenant's data is kept apart.

use std::future::Future;
use std::pin::Pin;

use sqlx::Database;
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::StrategyName;

use super::binding::{AcrossTenants, Binding, Fence, Removal};
use super::data_version::{DataVersion, MigrateOptions, Migrated, MigrationTarget, StrategyMigrations};
use super::survey::Survey;
use crate::drift::{DriftOptions, StrategyDrift};
use crate::{Place, PlaceChange, StrategyError, StrategyTransaction};

/// What a strategy's operations return. Boxed, so that a registry can hold strategies of any type.
pub type StrategyFuture<'f, T> = Pin<Box<dyn Future<Output = Result<T, StrategyError>> + Send + 'f>>;

/// A way to keep tenants' data apart: rows of shared tables, a schema for each tenant, a database for each tenant.
///
/// Strategies of your own have the same standing as those of this crate: implement this trait, choose a name, and
/// register the strategy.
///
/// `name`, `begin`, `provision` and `close` are required. The other methods have defaults, most of which fail with
/// [`StrategyError::Unsupported`]: an operation that is added to this trait later breaks no strategy, and a caller learns
/// that the strategy does not have it.
///
/// # Security
///
/// A strategy is trusted. It must ensure that nothing of another tenant can be read or written in a transaction that it
/// returns, and that no state of the transaction outlives it on a pooled connection: not after an error, a panic or a
/// dropped future.
#[doc(alias = "row-level security")]
#[doc(alias = "search_path")]
pub trait IsolationStrategy<DB: Database>: Send + Sync + 'static {
    /// The name by which tenants' records choose this strategy.
    fn name(&self) -> StrategyName;

    /// Begins a transaction that can see one tenant only.
    ///
    /// # Errors
    ///
    /// If the tenant's database is missing or cannot be reached, and [`StrategyError::Unsupported`] for a [`Mode`](crate::Mode) that
    /// the strategy does not know.
    fn begin<'f>(&'f self, binding: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<DB>>;

    /// Whether the strategy can hold the tenant, as far as that can be known without changing anything: its id can be
    /// a name or a value, and its placement is known. Creation calls this before it writes the directory, so that an
    /// id is not taken by a tenant that can never be provisioned.
    ///
    /// # Errors
    ///
    /// What [`provision`](Self::provision) would refuse the tenant for. The default refuses nothing.
    fn check<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        let _ = tenant;
        Box::pin(async { Ok(()) })
    }

    /// Creates what the tenant needs before it is active, and runs migrations that are new. It is idempotent.
    ///
    /// # Errors
    ///
    /// If it cannot be created. Nothing half-made is served afterwards.
    fn provision<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()>;

    /// Begins a transaction that sees every tenant, if the strategy has all tenants' data in one place.
    ///
    /// # Errors
    ///
    /// The default fails with [`StrategyError::Unsupported`].
    fn begin_across_tenants<'f>(&'f self, permit: AcrossTenants) -> StrategyFuture<'f, StrategyTransaction<DB>> {
        let _ = permit;
        unsupported(self.name(), "transactions across tenants")
    }

    /// Removes all of the tenant's data. It is idempotent.
    ///
    /// # Errors
    ///
    /// The default fails with [`StrategyError::Unsupported`].
    fn remove<'f>(&'f self, removal: Removal<'f>) -> StrategyFuture<'f, ()> {
        let _ = removal;
        unsupported(self.name(), "removal of a tenant's data")
    }

    /// The migrations that this strategy runs, and whether once for each tenant or once for all; `None` if it has none.
    ///
    /// The default has none: then nothing of the strategy is migrated by a [`Fleet`](crate::fleet::Fleet).
    fn migrations(&self) -> Option<StrategyMigrations<'_>> {
        None
    }

    /// Runs the migrations that are new on the data of a tenant that is provisioned, or on the shared tables, and creates nothing
    /// else. Each one commits by itself. One that fails leaves those before it, and the next call goes on there.
    ///
    /// Several processes may call it at once for the same target: each migration runs once. An implementation holds a lock in the
    /// database that it migrates, and reads under this lock what has run.
    ///
    /// # Errors
    ///
    /// [`StrategyError::Migration`] with the version of the migration that has failed;
    /// [`NotProvisioned`](StrategyError::NotProvisioned) if the tenant has no place, and what else keeps it from running. The
    /// default fails with [`StrategyError::Unsupported`].
    fn migrate<'f>(&'f self, target: MigrationTarget<'f>, options: &'f MigrateOptions) -> StrategyFuture<'f, Migrated> {
        let _ = (target, options);
        unsupported(self.name(), "migration of one tenant")
    }

    /// Which migrations have run on the data of a tenant, or on the shared tables, by the ledger that stands beside it.
    ///
    /// # Errors
    ///
    /// If the ledger cannot be read. The default fails with [`StrategyError::Unsupported`].
    fn version<'f>(&'f self, target: MigrationTarget<'f>) -> StrategyFuture<'f, DataVersion> {
        let _ = target;
        unsupported(self.name(), "version of a tenant's data")
    }

    /// The [`version`](Self::version) of several tenants, in their order. The default reads one after the other.
    ///
    /// # Errors
    ///
    /// If one of the ledgers cannot be read.
    fn versions<'f>(&'f self, tenants: &'f [TenantRecord]) -> StrategyFuture<'f, Vec<DataVersion>> {
        Box::pin(async move {
            let mut versions = Vec::with_capacity(tenants.len());
            for tenant in tenants {
                versions.push(self.version(MigrationTarget::Tenant(tenant)).await?);
            }
            Ok(versions)
        })
    }

    /// Reads the recorded versions of all tenants of this strategy by one question, if their data is in one database. It needs a
    /// tokio runtime.
    ///
    /// The default has no such place: then each tenant's [`version`](Self::version) is read.
    fn survey(&self) -> Option<Survey> {
        None
    }

    /// The name of the server on which the tenant's data is: what bounds how many are migrated at once. The default is the tenant's
    /// placement, or the strategy's name.
    fn server(&self, tenant: &TenantRecord) -> String {
        match &tenant.placement {
            Some(placement) => placement.to_string(),
            None => self.name().to_string(),
        }
    }

    /// Compares the catalogs of these tenants, which are in the order of their ids: see [`drift`](crate::drift).
    ///
    /// # Errors
    ///
    /// The default fails with [`StrategyError::Unsupported`].
    fn drift<'f>(
        &'f self,
        tenants: &'f [&'f TenantRecord],
        options: &'f DriftOptions,
    ) -> StrategyFuture<'f, StrategyDrift> {
        let _ = (tenants, options);
        unsupported(self.name(), "comparison of tenants' catalogs")
    }

    /// Whether each transaction of this strategy looks at the tenant's [place](Place) when it begins.
    ///
    /// The default says no: then a tenant's status holds as the request's record has it.
    fn is_fenced(&self) -> bool {
        false
    }

    /// Whether each transaction of this strategy is refused while the tenant's data is behind a version.
    ///
    /// The default says no.
    fn has_minimum_version(&self) -> bool {
        false
    }

    /// The tenant's place, as the database has it; `None` if it has none, which is as one of epoch 0 that is open.
    ///
    /// # Errors
    ///
    /// The default fails with [`StrategyError::Unsupported`]; so does a strategy that is not fenced.
    fn place<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, Option<Place>> {
        let _ = tenant;
        unsupported(self.name(), "fence")
    }

    /// Writes what a place is to become, where the place has a smaller revision, and no greater epoch. Returns what the place is
    /// then; `None` if there is nowhere to write it, as where the tenant has no database.
    ///
    /// Once this has returned, no transaction begins that the place refuses. For [`Gone`](crate::PlaceState::Gone) it also waits
    /// until those that write have ended.
    ///
    /// # Errors
    ///
    /// The default fails with [`StrategyError::Unsupported`]; so does a strategy that is not fenced. With
    /// [`StrategyError::Fenced`] if the place has a greater epoch, or is gone.
    fn change_place<'f>(&'f self, tenant: &'f TenantRecord, change: PlaceChange) -> StrategyFuture<'f, Option<Place>> {
        let _ = (tenant, change);
        unsupported(self.name(), "fence")
    }

    /// Raises or lifts a fence around the tenant's data: while it is raised, no process can write it, so that it can be
    /// moved. The future completes when transactions that were under way have ended.
    ///
    /// No strategy of this crate has it yet. What suspends a tenant is [`change_place`](Self::change_place).
    ///
    /// # Errors
    ///
    /// The default fails with [`StrategyError::Unsupported`].
    fn fence<'f>(&'f self, tenant: &'f TenantRecord, fence: Fence) -> StrategyFuture<'f, ()> {
        let _ = (tenant, fence);
        unsupported(self.name(), "fence around a tenant's data")
    }

    /// Replaces each connection before it is used again, because the tables changed for which it has prepared statements.
    ///
    /// [`TenantDb::run`](crate::TenantDb::run) calls it if a connection can no longer run a prepared statement. The
    /// default does nothing: right for a database that prepares such statements anew by itself.
    fn refresh(&self) {}

    /// Closes all connections, once the transactions that hold them have ended.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

fn unsupported<'f, T: 'f>(strategy: StrategyName, operation: &'static str) -> StrategyFuture<'f, T> {
    Box::pin(async move { Err(StrategyError::Unsupported { strategy, operation }) })
}

/// The tenant that is to be migrated by a strategy whose tenants share no tables.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn tenant_of(strategy: StrategyName, target: MigrationTarget<'_>) -> Result<&TenantRecord, StrategyError> {
    match target {
        MigrationTarget::Tenant(tenant) => Ok(tenant),
        MigrationTarget::SharedTables => Err(StrategyError::Unsupported {
            strategy,
            operation: "tables that tenants share",
        }),
    }
}

/// The error of an operation on places, by a strategy that has none.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn not_fenced(strategy: &'static str) -> StrategyError {
    StrategyError::Unsupported {
        strategy: StrategyName::from_static(strategy),
        operation: "fence",
    }
}

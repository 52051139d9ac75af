//! The strategy `database`: a file for each tenant.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use sqlx::migrate::Migrator;
use sqlx::{Connection, Sqlite, SqliteConnection};
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::{StrategyName, TenantId};

use super::open_pools::OpenPools;
use super::tenant_file::{at, identify, path_of, publish, refuse_leftovers, remove_files};
use super::tenant_pools::{FileIdentity, TenantPools};
use crate::drift::{DriftOptions, StrategyDrift};
use crate::sqlite::begin::Binds;
use crate::sqlite::fence::{self, FenceWatch};
use crate::sqlite::migrate;
use crate::sqlite::migrate_steps::{self, Steps};
use crate::sqlite::pool::FilePlan;
use crate::sqlite::warm_pool::WarmPool;
use crate::strategy::isolation_strategy::{not_fenced, tenant_of};
use crate::{
    Binding, DataVersion, IsolationStrategy, MigrateOptions, Migrated, MigrationTarget, Mode, Place, PlaceChange,
    Removal, StrategyError, StrategyFuture, StrategyMigrations, StrategyTransaction,
};

/// The strategy `database`: each tenant has a file of its own.
///
/// The file's name is made from the tenant's id alone: `tenant-acme.sqlite`. Ids have no dots, so no
/// id names another's file, journal or write-ahead log, and the prefix keeps clear of names that
/// systems reserve.
///
/// - A missing file is an error. Beginning a transaction never creates it, only
///   [`provision`](crate::TenantDb::provision) does, which migrates it under another name first.
/// - Files are opened when they are first used, once if several callers need one together. At
///   most 64 are open; then the least recently used is closed, never one that is in use. If all
///   are in use, `begin` waits for one, for the acquire timeout at most.
/// - A file that was not used for 5 minutes is closed.
/// - Transactions that read and write take the write lock at once, and wait for it for the
///   busy timeout at most. Read-only ones come from a pool that opened the file read-only.
///
/// # Security
///
/// SQL can `ATTACH` any file that the process may open, another tenant's too. Only a process of their own
/// contains tenants who bring SQL of their own.
pub struct SqliteDatabaseStrategy {
    pub(super) directory: PathBuf,
    pub(in crate::sqlite) migrations: Option<Arc<Migrator>>,
    pub(in crate::sqlite) plan: FilePlan,
    pub(super) open: OpenPools,
    pub(super) is_fenced: bool,
    pub(super) minimum_version: Option<i64>,
}

impl SqliteDatabaseStrategy {
    /// The name under which records choose this strategy.
    pub const NAME: &'static str = "database";

    /// How many tenants' files are open.
    #[must_use]
    pub fn open_databases(&self) -> usize {
        self.open.len()
    }

    /// The file of a tenant, if there is one.
    pub(in crate::sqlite) fn file_of(&self, tenant: &TenantId) -> Result<Option<PathBuf>, StrategyError> {
        let path = self.path(tenant);
        Ok(identify(&path)?.map(|_| path))
    }

    fn path(&self, tenant: &TenantId) -> PathBuf {
        path_of(&self.directory, tenant)
    }

    async fn begin(&self, binding: Binding<'_>) -> Result<StrategyTransaction<Sqlite>, StrategyError> {
        let tenant = binding.id();
        let path = self.path(tenant);
        let found = identify(&path)?;
        self.open.forget(tenant, |pools| Some(pools.file) != found);
        let Some(file) = found else {
            return Err(StrategyError::NotProvisioned { tenant: tenant.clone() });
        };
        let lease = self.open.lease(tenant, || self.pools(&path, file)).await?;
        let pool = match binding.mode() {
            Mode::ReadWrite => &lease.pools().read_write,
            Mode::ReadOnly => &lease.pools().read_only,
        };
        let begun = pool.begin(&binding).await?;
        Ok(begun.with_lease(lease))
    }

    /// A connection to a tenant's file; `None` if it has none.
    async fn connect_to_place(&self, tenant: &TenantRecord) -> Result<Option<SqliteConnection>, StrategyError> {
        if !self.is_fenced {
            return Err(not_fenced(Self::NAME));
        }
        let path = self.path(&tenant.id);
        if identify(&path)?.is_none() {
            return Ok(None);
        }
        let mut connection = migrate::connect(&self.plan.connect_options(&path), None, None).await?;
        fence::require(&mut connection, true).await?;
        Ok(Some(connection))
    }

    async fn remove(&self, tenant: &TenantId) -> Result<(), StrategyError> {
        let _closed = self.open.retire(tenant).await?;
        remove_files(&self.path(tenant), tenant)
    }

    fn pools(&self, path: &Path, file: FileIdentity) -> TenantPools {
        let options = self.plan.connect_options(path);
        let read_only = options.clone().read_only(true);
        let watch = FenceWatch::new(self.is_fenced, self.minimum_version);
        let binds = if self.is_fenced || self.minimum_version.is_some() {
            Binds::Entrant
        } else {
            Binds::Nothing
        };
        let pool = |options, mode| {
            WarmPool::new(self.plan.watched_pool(options, &watch), mode, binds).with_fence(watch.clone())
        };
        TenantPools {
            read_write: pool(options, Mode::ReadWrite),
            read_only: pool(read_only, Mode::ReadOnly),
            file,
        }
    }

    async fn provision(&self, tenant: &TenantId) -> Result<(), StrategyError> {
        let path = self.path(tenant);
        if identify(&path)?.is_none() {
            refuse_leftovers(&path)?;
            self.make(&path, tenant).await?;
        }
        self.migrate(&path, tenant, false).await
    }

    /// Makes the file under another name, and gives it its own when it is whole.
    async fn make(&self, path: &Path, tenant: &TenantId) -> Result<(), StrategyError> {
        let workshop = tempfile::Builder::new()
            .prefix(".provisioning-")
            .tempdir_in(&self.directory)
            .map_err(|source| at(&self.directory, source))?;
        let half_made = workshop.path().join("tenant.sqlite");
        self.migrate(&half_made, tenant, true).await?;
        // The last connection took the log into the file; without it the file would not be whole.
        if workshop.path().join("tenant.sqlite-wal").exists() {
            return Err(at(
                &half_made,
                io::Error::other("the write-ahead log is not checkpointed"),
            ));
        }
        let (directory, path) = (self.directory.clone(), path.to_owned());
        let published = tokio::task::spawn_blocking(move || publish(&half_made, &path, &directory)).await;
        published.map_err(StrategyError::other)?
    }

    async fn migrate_file(&self, tenant: &TenantId, options: &MigrateOptions) -> Result<Migrated, StrategyError> {
        let Some(migrations) = self.migrations.as_deref() else {
            return Ok(Migrated::default());
        };
        let path = self.path(tenant);
        if identify(&path)?.is_none() {
            return Err(StrategyError::NotProvisioned { tenant: tenant.clone() });
        }
        let steps = Steps {
            migrations,
            tenant: Some(tenant),
            options,
        };
        steps.run(&self.plan.connect_options(&path)).await
    }

    async fn version_of(&self, tenant: &TenantId) -> Result<DataVersion, StrategyError> {
        let path = self.path(tenant);
        match self.migrations.as_deref() {
            Some(migrations) if identify(&path)?.is_some() => {
                migrate_steps::version(&self.plan.connect_options(&path), migrations).await
            }
            _ => Ok(DataVersion::not_provisioned()),
        }
    }

    async fn migrate(&self, path: &Path, tenant: &TenantId, create: bool) -> Result<(), StrategyError> {
        let options = self.plan.connect_options(path).create_if_missing(create);
        let mut connection = migrate::connect(&options, self.migrations.as_deref(), Some(tenant)).await?;
        if self.is_fenced {
            fence::enable(&mut connection).await?;
        } else {
            fence::require(&mut connection, false).await?;
        }
        connection.close().await?;
        Ok(())
    }
}

impl IsolationStrategy<Sqlite> for SqliteDatabaseStrategy {
    fn name(&self) -> StrategyName {
        StrategyName::from_static(Self::NAME)
    }

    fn begin<'f>(&'f self, binding: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<Sqlite>> {
        Box::pin(self.begin(binding))
    }

    fn provision<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(self.provision(&tenant.id))
    }

    fn remove<'f>(&'f self, removal: Removal<'f>) -> StrategyFuture<'f, ()> {
        Box::pin(self.remove(removal.id()))
    }

    fn migrations(&self) -> Option<StrategyMigrations<'_>> {
        self.migrations.as_deref().map(StrategyMigrations::of_each_tenant)
    }

    fn migrate<'f>(&'f self, target: MigrationTarget<'f>, options: &'f MigrateOptions) -> StrategyFuture<'f, Migrated> {
        Box::pin(async move { self.migrate_file(&tenant_of(self.name(), target)?.id, options).await })
    }

    fn version<'f>(&'f self, target: MigrationTarget<'f>) -> StrategyFuture<'f, DataVersion> {
        Box::pin(async move { self.version_of(&tenant_of(self.name(), target)?.id).await })
    }

    fn drift<'f>(
        &'f self,
        tenants: &'f [&'f TenantRecord],
        options: &'f DriftOptions,
    ) -> StrategyFuture<'f, StrategyDrift> {
        Box::pin(self.drift_of(tenants, options))
    }

    fn is_fenced(&self) -> bool {
        self.is_fenced
    }

    fn has_minimum_version(&self) -> bool {
        self.minimum_version.is_some()
    }

    fn place<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, Option<Place>> {
        Box::pin(async {
            let Some(mut connection) = self.connect_to_place(tenant).await? else {
                return Ok(None);
            };
            let place = fence::read(&mut connection, &tenant.id).await?;
            connection.close().await?;
            Ok(place)
        })
    }

    fn change_place<'f>(&'f self, tenant: &'f TenantRecord, change: PlaceChange) -> StrategyFuture<'f, Option<Place>> {
        Box::pin(async move {
            let Some(mut connection) = self.connect_to_place(tenant).await? else {
                return Ok(None);
            };
            let place = fence::change(&mut connection, &tenant.id, change).await?;
            connection.close().await?;
            Ok(place)
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.open.close())
    }
}

impl fmt::Debug for SqliteDatabaseStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteDatabaseStrategy")
            .field("directory", &self.directory)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

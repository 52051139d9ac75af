//! How tenants' files are opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;

use super::open_pools::OpenPools;
use super::strategy::SqliteDatabaseStrategy;
use super::tenant_file::at;
use crate::sqlite::pool::FilePlan;
use crate::strategy::minimum_version::judge_minimum;
use crate::{PoolSettings, StrategyError};

/// Where tenants' files are, and how many are open at once. [`SqliteDatabaseStrategy::builder`] makes one.
#[derive(Debug)]
#[must_use]
pub struct SqliteDatabaseBuilder {
    pub(super) directory: PathBuf,
    migrations: Option<Migrator>,
    max_open: usize,
    pub(super) plan: FilePlan,
    is_fenced: bool,
    minimum_version: Option<i64>,
}

const DEFAULT_POOL: PoolSettings = PoolSettings::new()
    .with_max_connections(4)
    .with_idle_timeout(Duration::from_secs(5 * 60));

/// How long one connection of a file that is in use may be idle.
const CONNECTION_IDLE: Duration = Duration::from_secs(10 * 60);

impl SqliteDatabaseStrategy {
    /// Describes the directory that holds the tenants' files.
    pub fn builder(directory: impl AsRef<Path>) -> SqliteDatabaseBuilder {
        SqliteDatabaseBuilder {
            directory: directory.as_ref().to_owned(),
            migrations: None,
            max_open: 64,
            plan: FilePlan::new(DEFAULT_POOL),
            is_fenced: false,
            minimum_version: None,
        }
    }
}

impl SqliteDatabaseBuilder {
    /// Migrations that each tenant's file gets when it is provisioned.
    pub fn with_migrations(self, migrations: Migrator) -> Self {
        Self {
            migrations: Some(migrations),
            ..self
        }
    }

    /// Sets the greatest number of files that are open at once, at least 1. The default is 64, for processes that may have 1,024
    /// descriptors. A tenant whose file has to be opened waits some ten times as long as one whose file is open: give room
    /// to those that are busy at a time, and the process eight descriptors for each.
    pub const fn with_max_open(mut self, max_open: usize) -> Self {
        self.max_open = max_open;
        self
    }

    /// Sets the connection limit and the timeouts. The default is 4 connections to each file that write and 4
    /// that read; each is a thread and three descriptors. A file closes when it was not used for the idle timeout, 5
    /// minutes. The acquire timeout counts for a free connection, and for a place among the open files.
    pub fn with_pool(mut self, settings: PoolSettings) -> Self {
        self.plan.settings = settings.or(self.plan.settings);
        self
    }

    /// Sets how long a transaction waits for another writer. The default is 5 seconds, and the most 24 days.
    #[doc(alias = "SQLITE_BUSY")]
    pub const fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.plan.busy_timeout = timeout;
        self
    }

    /// Declares that tenants' files are fenced: each transaction looks at its tenant's place when it begins, so that a suspended or archived
    /// tenant is refused at once, whatever this process has cached.
    ///
    /// Each tenant's file has a fence of its own: [provisioning](crate::TenantDb::provision) makes it, of a tenant that was
    /// provisioned before too. A file that has none ends in [`FenceMismatch`](StrategyError::FenceMismatch) when it is opened, and
    /// so does a fenced one without this. So provision all tenants once, with the fence, and then restart what serves; afterwards
    /// let the places follow the directory, by [`finish_pending_places`](crate::SqlDirectory::finish_pending_places).
    pub const fn with_fence(mut self) -> Self {
        self.is_fenced = true;
        self
    }

    /// Sets the least version of a tenant's data with which the tenant is served: that of the migration that this release needs. Default:
    /// none, and tenants that are behind are served.
    ///
    /// A transaction of a tenant that is below it, or whose version is not [recorded](crate::drift#versions-of-tenants), does not begin:
    /// [`FenceRefusal::Behind`](crate::FenceRefusal::Behind), answered with 503 `tenant_updating`. Other tenants are served, and this one is
    /// from the moment at which its migrations commit. What administers a tenant, such as an export, begins whatever its version is.
    pub const fn with_minimum_version(mut self, version: i64) -> Self {
        self.minimum_version = Some(version);
        self
    }

    /// Opens the directory, and creates it if it is missing. No file is opened yet.
    ///
    /// # Errors
    ///
    /// If the directory cannot be made; [`MinimumTooGreat`](StrategyError::MinimumTooGreat).
    pub async fn open(self) -> Result<SqliteDatabaseStrategy, StrategyError> {
        judge_minimum(self.minimum_version, self.migrations.as_ref())?;
        let made = std::fs::create_dir_all(&self.directory).and_then(|()| std::fs::canonicalize(&self.directory));
        // An absolute path is never taken for a URI, as one that starts with `file:` would be.
        let directory = made.map_err(|source| at(&self.directory, source))?;
        let settings = self.plan.settings;
        Ok(SqliteDatabaseStrategy {
            directory,
            migrations: self.migrations.map(Arc::new),
            open: OpenPools::new(self.max_open, settings.idle_timeout(), settings.acquire_timeout()),
            plan: FilePlan {
                // Files close, not single connections.
                settings: settings.with_idle_timeout(CONNECTION_IDLE),
                ..self.plan
            },
            is_fenced: self.is_fenced,
            minimum_version: self.minimum_version,
        })
    }
}

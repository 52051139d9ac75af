//! The directory of tenants in a file.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{SqlSafeStr, Sqlite, SqlitePool};

use super::migrate;
use crate::directory::{QUARANTINE, begin_write, sql_directory};
use crate::{StrategyError, StrategyTransaction};

/// The tenants, their domains and their members, in a database. Cheap to clone.
///
/// It is a [`Directory`] and an [`Authorizer`]: a caller is a member where the directory lists the
/// token's subject for the tenant, with the roles that it lists.
///
/// Its tables start with `tenancy_`, and its migrations are counted in `_tenancy_migrations`, so it
/// can live in a file with your own tables.
///
/// # Cancellation
///
/// A method that has answered has committed its change. One whose future is dropped has changed all of what it
/// changes, or nothing, and leaves no open transaction. Writers wait for one another as long as the pool's busy
/// time-out says, 5 seconds unless you set it; then they end in
/// [`DirectoryError::Busy`](crate::DirectoryError::Busy).
///
/// # Security
///
/// Best give it a file of its own. In the file that tenants share, a transaction of one tenant can
/// read the directory by naming its tables.
#[derive(Clone, Debug)]
pub struct SqliteDirectory {
    pool: SqlitePool,
    reserved: ReservedNames,
    quarantine: Duration,
}

impl SqliteDirectory {
    /// Opens the directory in a file, and makes the file where it is missing.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened or migrated.
    pub async fn open(file: impl AsRef<Path>) -> Result<Self, StrategyError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true);
        Self::from_pool(PoolOptions::new().connect_lazy_with(options)).await
    }

    /// Opens the directory in a database that you have a pool of already.
    ///
    /// A connection that was used in a way that nobody can vouch for is closed, so the database must not be one in
    /// memory that lives as long as its connection.
    ///
    /// # Errors
    ///
    /// Where the database cannot be reached or migrated.
    pub async fn from_pool(pool: SqlitePool) -> Result<Self, StrategyError> {
        migrate::run_on_pool(&pool, &migrations()).await?;
        Ok(Self {
            pool,
            reserved: ReservedNames::default(),
            quarantine: QUARANTINE,
        })
    }

    /// Takes the write lock, so no other writer runs beside it.
    async fn begin_structural(&self) -> Result<StrategyTransaction<Sqlite>, DirectoryError> {
        begin_write(&self.pool, "begin immediate").await
    }

    async fn begin_change(&self) -> Result<StrategyTransaction<Sqlite>, DirectoryError> {
        self.begin_structural().await
    }
}

sql_directory!(SqliteDirectory on Sqlite, aggregate: "group_concat", for_update: "");

fn migrations() -> Migrator {
    let tenants = include_str!("../../migrations/directory/sqlite/0001_tenants.sql");
    let roles = include_str!("../../migrations/directory/sqlite/0002_roles.sql");
    let tombstones = include_str!("../../migrations/directory/sqlite/0003_tombstones.sql");
    let placement = include_str!("../../migrations/directory/sqlite/0004_placement.sql");
    let freed_names = include_str!("../../migrations/directory/sqlite/0005_freed_names.sql");
    let creation = include_str!("../../migrations/directory/sqlite/0006_creation.sql");
    let migration = |version, name, sql: &'static str| {
        Migration::new(
            version,
            Cow::Borrowed(name),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    let mut migrations = Migrator::with_migrations(vec![
        migration(1, "tenants", tenants),
        migration(2, "roles", roles),
        migration(3, "tombstones", tombstones),
        migration(4, "placement", placement),
        migration(5, "freed names", freed_names),
        migration(6, "creation", creation),
    ]);
    // From the first version on: the warning is about changing it later.
    migrations.dangerous_set_table_name("_tenancy_migrations");
    migrations
}

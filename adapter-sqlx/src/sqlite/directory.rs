//! The directory of tenants in a file.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{SqlSafeStr, Sqlite, SqlitePool};

use super::migrate;
use crate::StrategyError;
use crate::directory::{QUARANTINE, sql_directory};

/// The tenants, their domains and their members, in a database. Cheap to clone.
///
/// It is a [`Directory`] and an [`Authorizer`]: a caller is a member where the directory lists the
/// token's subject for the tenant, with the roles that it lists.
///
/// Its tables start with `tenancy_`, and its migrations are counted in `_tenancy_migrations`, so it
/// can live in a file with your own tables.
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
    /// # Errors
    ///
    /// Where the database cannot be reached or migrated.
    pub async fn from_pool(pool: SqlitePool) -> Result<Self, StrategyError> {
        let mut connection = pool.acquire().await?;
        migrate::run(&mut connection, &migrations()).await?;
        drop(connection);
        Ok(Self {
            pool,
            reserved: ReservedNames::default(),
            quarantine: QUARANTINE,
        })
    }
}

sql_directory!(SqliteDirectory on Sqlite, begin: "begin immediate", aggregate: "group_concat");

fn migrations() -> Migrator {
    let tenants = include_str!("../../migrations/directory/sqlite/0001_tenants.sql");
    let roles = include_str!("../../migrations/directory/sqlite/0002_roles.sql");
    let tombstones = include_str!("../../migrations/directory/sqlite/0003_tombstones.sql");
    let placement = include_str!("../../migrations/directory/sqlite/0004_placement.sql");
    let freed_names = include_str!("../../migrations/directory/sqlite/0005_freed_names.sql");
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
    ]);
    // From the first version on: the warning is about changing it later.
    migrations.dangerous_set_table_name("_tenancy_migrations");
    migrations
}

//! The directory of tenants in a database.

use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres, SqlSafeStr};

use crate::StrategyError;
use crate::directory::{QUARANTINE, sql_directory};

/// The tenants, their domains and their members, on PostgreSQL. Cheap to clone.
///
/// It is a [`Directory`] and an [`Authorizer`]: a caller is a member where the directory lists the
/// token's subject for the tenant, with the roles that it lists.
///
/// Its tables start with `tenancy_`, and its migrations are counted in `_tenancy_migrations`, so it can
/// live in a database with your own tables. Every change of a row is told on the channel
/// `tenancy_changes`, by triggers, whoever makes it.
///
/// # Security
///
/// Open it as the administrator, or as a role of its own. The application's role, in whose transactions
/// tenants' queries run, gets no right to its tables: it could read all tenants' names and members.
#[derive(Clone, Debug)]
pub struct PgDirectory {
    pool: PgPool,
    reserved: ReservedNames,
    quarantine: Duration,
}

impl PgDirectory {
    /// Opens the directory, and makes its tables where they are missing.
    ///
    /// # Errors
    ///
    /// Where the database cannot be reached or migrated.
    pub async fn open(options: PgConnectOptions) -> Result<Self, StrategyError> {
        Self::from_pool(PgPoolOptions::new().connect_lazy_with(options)).await
    }

    /// Opens the directory in a database that you have a pool of already.
    ///
    /// # Errors
    ///
    /// Where the database cannot be reached or migrated.
    pub async fn from_pool(pool: PgPool) -> Result<Self, StrategyError> {
        let mut connection = pool.acquire().await?;
        // Hidden in sqlx's documentation: the compiler cannot prove that the future of `run` is `Send`
        // where the connection is borrowed.
        migrations().run_direct(None, &mut *connection, false).await?;
        drop(connection);
        Ok(Self {
            pool,
            reserved: ReservedNames::default(),
            quarantine: QUARANTINE,
        })
    }
}

// Writers one after the other, so that what one has looked up stays true; readers do not wait.
sql_directory!(
    PgDirectory on Postgres,
    begin: "begin; lock table tenancy_tenants in share row exclusive mode",
    aggregate: "string_agg"
);

fn migrations() -> Migrator {
    let tenants = include_str!("../../migrations/directory/postgres/0001_tenants.sql");
    let tombstones = include_str!("../../migrations/directory/postgres/0002_tombstones.sql");
    let placement = include_str!("../../migrations/directory/postgres/0003_placement.sql");
    let freed_names = include_str!("../../migrations/directory/postgres/0004_freed_names.sql");
    let migration = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let mut migrations = Migrator::with_migrations(vec![
        migration(1, "tenants", tenants),
        migration(2, "tombstones", tombstones),
        migration(3, "placement", placement),
        migration(4, "freed names", freed_names),
    ]);
    // From the first version on: the warning is about changing it later.
    migrations.dangerous_set_table_name("_tenancy_migrations");
    migrations
}

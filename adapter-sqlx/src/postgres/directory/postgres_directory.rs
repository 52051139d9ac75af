//! The directory of tenants in a database.

use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe as Sql, PgPool, Postgres, SqlSafeStr};

use crate::directory::{QUARANTINE, begin_write, sql_directory};
use crate::{StrategyError, StrategyTransaction};

/// How long a writer waits for another, unless it is set otherwise.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// The tenants, their domains and their members, on PostgreSQL. Cheap to clone.
///
/// It is a [`Directory`] and an [`Authorizer`]: a caller is a member where the directory lists the
/// token's subject for the tenant, with the roles that it lists.
///
/// Its tables start with `tenancy_`, and its migrations are counted in `_tenancy_migrations`, so it can
/// live in a database with your own tables. Every change of a row is told on the channel
/// `tenancy_changes`, by triggers, whoever makes it.
///
/// # Cancellation
///
/// A method that has answered has committed its change. One whose future is dropped has changed all of what it
/// changes, or nothing, and leaves neither a lock nor an open transaction. Writers wait for one another, for as long
/// as [`with_lock_timeout`](Self::with_lock_timeout) says; then they end in
/// [`DirectoryError::Busy`](crate::DirectoryError::Busy).
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
    lock_timeout: Duration,
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
    /// The migrations run on a connection that the pool gives away for it, and that is closed afterwards, also after
    /// an error or when this future is dropped: no lock stays in the pool. They wait for 30 seconds at most for
    /// whoever migrates the same database. A directory whose tables are up to date is opened without any lock.
    ///
    /// # Errors
    ///
    /// Where the database cannot be reached or migrated.
    pub async fn from_pool(pool: PgPool) -> Result<Self, StrategyError> {
        super::migrations::run(&pool, &migrations()).await?;
        Ok(Self {
            pool,
            reserved: ReservedNames::default(),
            quarantine: QUARANTINE,
            lock_timeout: LOCK_TIMEOUT,
        })
    }

    /// Sets how long a change waits for other writers before it ends in
    /// [`DirectoryError::Busy`](crate::DirectoryError::Busy). The default is 5 seconds; the least is a millisecond.
    #[must_use]
    pub fn with_lock_timeout(self, lock_timeout: Duration) -> Self {
        Self { lock_timeout, ..self }
    }

    /// Begins a transaction beside which no other writer runs. Readers do not wait.
    async fn begin_structural(&self) -> Result<StrategyTransaction<Postgres>, DirectoryError> {
        let lock = "; lock table tenancy_tenants in share row exclusive mode";
        begin_write(&self.pool, self.begin_text(lock)).await
    }

    /// Begins a transaction for a change that one statement decides.
    async fn begin_change(&self) -> Result<StrategyTransaction<Postgres>, DirectoryError> {
        begin_write(&self.pool, self.begin_text("")).await
    }

    /// What the connection's last borrower left open is rolled back first; `begin` before it keeps PostgreSQL from
    /// warning where there is nothing. What the session defaults to does not matter then.
    fn begin_text(&self, lock: &str) -> Sql<String> {
        // 0 would be no time-out, and the setting is an `int4`.
        let milliseconds = self.lock_timeout.as_millis().clamp(1, 2_147_483_647);
        Sql(format!(
            "begin; rollback; begin isolation level read committed read write; \
             set local lock_timeout = {milliseconds}{lock}"
        ))
    }
}

sql_directory!(PgDirectory on Postgres, aggregate: "string_agg", for_update: " for update");

fn migrations() -> Migrator {
    let tenants = include_str!("../../../migrations/directory/postgres/0001_tenants.sql");
    let tombstones = include_str!("../../../migrations/directory/postgres/0002_tombstones.sql");
    let placement = include_str!("../../../migrations/directory/postgres/0003_placement.sql");
    let freed_names = include_str!("../../../migrations/directory/postgres/0004_freed_names.sql");
    let creation = include_str!("../../../migrations/directory/postgres/0005_creation.sql");
    let migration = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let mut migrations = Migrator::with_migrations(vec![
        migration(1, "tenants", tenants),
        migration(2, "tombstones", tombstones),
        migration(3, "placement", placement),
        migration(4, "freed names", freed_names),
        migration(5, "creation", creation),
    ]);
    // From the first version on: the warning is about changing it later.
    migrations.dangerous_set_table_name("_tenancy_migrations");
    migrations
}

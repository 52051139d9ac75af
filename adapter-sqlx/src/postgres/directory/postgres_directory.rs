//! The directory of tenants in a database.

use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgQueryResult, PgRow};
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool, Postgres, Row, SqlSafeStr, SqlStr};

use super::functions;
use crate::StrategyError;
use crate::directory::{DirectoryDatabase, Queries, QueryFuture, SqlDirectory, Value, Writers, query};

/// How long a writer waits for another, unless it is set otherwise.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// The directory of tenants on PostgreSQL.
///
/// Every change of a row is notified on the channel `tenancy_changes` by triggers, whichever session makes it:
/// [`PgChanges`](crate::PgChanges) listens to it.
///
/// # Security
///
/// Open it as the administrator where tenants are created and changed. A process that only serves opens it as a role that
/// may only read ([`open_read_only`](Self::open_read_only)). Make that a role of its own if tenants' SQL is not trusted:
/// in the application's transactions it could read the names, members and settings of all tenants.
pub type PgDirectory = SqlDirectory<Postgres>;

impl SqlDirectory<Postgres> {
    /// Opens the directory, and makes its tables where they are missing.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or migrated.
    pub async fn open(options: PgConnectOptions) -> Result<Self, StrategyError> {
        Self::from_pool(PgPoolOptions::new().connect_lazy_with(options)).await
    }

    /// Opens the directory in a database that you have a pool of already.
    ///
    /// The migrations run on a connection that the pool gives away for it, and that is closed afterwards, also after
    /// an error or when this future is dropped: no lock stays in the pool. They wait for 30 seconds at most for
    /// another process that migrates the same database. A directory whose tables are up to date is opened without any lock.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or migrated.
    pub async fn from_pool(pool: PgPool) -> Result<Self, StrategyError> {
        super::migrations::run(&pool, &migrations()).await?;
        Ok(Self::new(pool, LOCK_TIMEOUT))
    }

    /// Sets how long a change waits for other writers before it ends in
    /// [`DirectoryError::Busy`](crate::DirectoryError::Busy). The default is 5 seconds; the least is a millisecond.
    #[must_use]
    pub fn with_lock_timeout(mut self, lock_timeout: Duration) -> Self {
        self.lock_timeout = lock_timeout;
        self
    }
}

impl DirectoryDatabase for Postgres {}

impl Queries for Postgres {
    const JOIN_TEXTS: &'static str = "string_agg";
    const FOR_UPDATE: &'static str = " for update";
    /// With `in` it would be a join, and of a table that was filled a moment ago the planner knows nothing: it takes each row of the table
    /// for the only one, and compares it with each row of the query.
    const ONE_OF: [&'static str; 2] = ["= any (array(", "))"];
    const ELEMENTS: [&'static str; 2] = [
        "(select e.value from pg_catalog.jsonb_array_elements(cast(",
        " as jsonb)) as e (value))",
    ];
    /// The lock is taken before the number is.
    const INSERT_EVENT: &'static str = "with held as materialized (
            select pg_catalog.pg_advisory_xact_lock(8389754676633367137))
        insert into tenancy_events (tenant, kind, before, after, subject, issuer, actor, reason, at)
        select $1, $2, $3, $4, $5, $6, $7, $8, $9 from held";

    const NOW: &'static str = "floor(extract(epoch from clock_timestamp()))::bigint";
    const REDEEM: &'static str = "select * from tenancy_redeem_impersonation($1, $2)";
    const REDEEMING_WRITES_EVENT: bool = true;
    const IMPERSONATION_SESSION: &'static str = "select * from tenancy_impersonation_session($1)";
    const IMPERSONATION_LASTS: &'static str = "select tenancy_impersonation_lasts($1) as found";

    type LockTimeout = Duration;

    /// What the connection's last borrower left open is rolled back first; `begin` before it keeps PostgreSQL from
    /// warning if nothing is open. What the session defaults to does not matter then.
    fn begin_change(writers: Writers, lock_timeout: &Duration) -> SqlStr {
        // 0 would be no timeout, and the setting is an `int4`.
        let milliseconds = lock_timeout.as_millis().clamp(1, 2_147_483_647);
        // Readers do not wait for it.
        let lock = match writers {
            Writers::All => "; lock table tenancy_tenants in share row exclusive mode",
            Writers::OfATenant => "; lock table tenancy_tenants in row exclusive mode",
            Writers::OfTheSameRows => "",
        };
        let sql = format!(
            "begin; rollback; begin isolation level read committed read write; \
             set local lock_timeout = {milliseconds}{lock}"
        );
        AssertSqlSafe(sql).into_sql_str()
    }

    fn execute<'c>(
        connection: &'c mut PgConnection,
        sql: impl SqlSafeStr,
        values: &[Value<'c>],
    ) -> QueryFuture<'c, PgQueryResult> {
        connection.execute(query::<Self>(sql, values))
    }

    fn fetch_optional<'c>(
        connection: &'c mut PgConnection,
        sql: impl SqlSafeStr,
        values: &[Value<'c>],
    ) -> QueryFuture<'c, Option<PgRow>> {
        connection.fetch_optional(query::<Self>(sql, values))
    }

    fn fetch_all<'c>(
        connection: &'c mut PgConnection,
        sql: impl SqlSafeStr,
        values: &[Value<'c>],
    ) -> QueryFuture<'c, Vec<PgRow>> {
        connection.fetch_all(query::<Self>(sql, values))
    }

    fn rows_affected(done: &PgQueryResult) -> u64 {
        done.rows_affected()
    }

    fn text<'r>(row: &'r PgRow, column: &str) -> Result<Option<&'r str>, sqlx::Error> {
        row.try_get(column)
    }

    fn boolean(row: &PgRow, column: &str) -> Result<bool, sqlx::Error> {
        row.try_get(column)
    }

    fn number(row: &PgRow, column: &str) -> Result<i64, sqlx::Error> {
        row.try_get(column)
    }
}

pub(super) fn migrations() -> Migrator {
    let tenants = include_str!("../../../migrations/directory/postgres/0001_tenants.sql");
    let tombstones = include_str!("../../../migrations/directory/postgres/0002_tombstones.sql");
    let placement = include_str!("../../../migrations/directory/postgres/0003_placement.sql");
    let freed_names = include_str!("../../../migrations/directory/postgres/0004_freed_names.sql");
    let creation = include_str!("../../../migrations/directory/postgres/0005_creation.sql");
    let names_of_changes = include_str!("../../../migrations/directory/postgres/0006_names_of_changes.sql");
    let pages = include_str!("../../../migrations/directory/postgres/0007_pages_and_metadata.sql");
    let events = include_str!("../../../migrations/directory/postgres/0008_events.sql");
    let places = include_str!("../../../migrations/directory/postgres/0009_places.sql");
    let runs = include_str!("../../../migrations/directory/postgres/0010_runs.sql");
    let settings = include_str!("../../../migrations/directory/postgres/0011_settings.sql");
    let migration = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let mut migrations = Migrator::with_migrations(vec![
        migration(1, "tenants", tenants),
        migration(2, "tombstones", tombstones),
        migration(3, "placement", placement),
        migration(4, "freed names", freed_names),
        migration(5, "creation", creation),
        migration(6, "names of changes", names_of_changes),
        migration(7, "pages and metadata", pages),
        migration(8, "events", events),
        migration(9, "places", places),
        migration(10, "runs", runs),
        migration(11, "settings", settings),
        migration(12, "impersonations", functions::MIGRATION),
    ]);
    // From the first version on: the warning is about changing it later.
    migrations.dangerous_set_table_name("_tenancy_migrations");
    migrations
}

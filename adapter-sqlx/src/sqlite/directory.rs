//! The directory of tenants in a file.

use std::borrow::Cow;
use std::path::Path;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteQueryResult, SqliteRow};
use sqlx::{Executor, Row, SqlSafeStr, SqlStr, Sqlite, SqliteConnection, SqlitePool};

use super::migrate;
use crate::StrategyError;
use crate::directory::{DirectoryDatabase, Queries, QueryFuture, SqlDirectory, Value, Writers, query};

/// The directory of tenants in a SQLite file.
///
/// # Security
///
/// Best give it a file of its own. In the file that tenants share, a transaction of one tenant can
/// read the directory by naming its tables.
pub type SqliteDirectory = SqlDirectory<Sqlite>;

impl SqlDirectory<Sqlite> {
    /// Opens the directory in a file, and makes the file where it is missing.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or migrated.
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
    /// If the database cannot be reached or migrated.
    pub async fn from_pool(pool: SqlitePool) -> Result<Self, StrategyError> {
        migrate::run_on_pool(&pool, &migrations()).await?;
        Ok(Self::new(pool, ()))
    }
}

impl DirectoryDatabase for Sqlite {}

impl Queries for Sqlite {
    const JOIN_TEXTS: &'static str = "group_concat";
    const FOR_UPDATE: &'static str = "";
    const ONE_OF: [&'static str; 2] = ["in (", ")"];
    const ELEMENTS: [&'static str; 2] = ["(select e.value from json_each(", ") as e)"];
    /// The write lock of the file orders all transactions.
    const INSERT_EVENT: &'static str = "insert into tenancy_events
            (tenant, kind, before, after, subject, issuer, actor, reason, at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    const NOW: &'static str = "unixepoch()";
    const REDEEM: &'static str = "update tenancy_impersonations set redeemed_at = unixepoch(), session_digest = $2
        where grant_digest = $1 and redeemed_at is null and expires_at > unixepoch()
            and exists (select 1 from tenancy_tenants t where t.id = tenant and t.status = 'active')
        returning id, tenant, actor, subject, issuer, reason, expires_at";
    const REDEEMING_WRITES_EVENT: bool = false;
    const IMPERSONATION_SESSION: &'static str =
        "select i.id, i.tenant, i.actor, i.subject, i.issuer, i.reason, i.expires_at
        from tenancy_impersonations i join tenancy_tenants t on t.id = i.tenant and t.status = 'active'
        where i.session_digest = $1 and i.expires_at > unixepoch()";
    const IMPERSONATION_LASTS: &'static str = "select exists (
        select 1 from tenancy_impersonations i join tenancy_tenants t on t.id = i.tenant and t.status = 'active'
        where i.id = $1 and i.redeemed_at is not null and i.expires_at > unixepoch()) as found";

    /// It is the connection's busy timeout.
    type LockTimeout = ();

    /// The write lock is the whole file's, so no other writer runs beside it.
    fn begin_change(_: Writers, (): &()) -> SqlStr {
        "begin immediate".into_sql_str()
    }

    fn execute<'c>(
        connection: &'c mut SqliteConnection,
        sql: impl SqlSafeStr,
        values: &[Value<'c>],
    ) -> QueryFuture<'c, SqliteQueryResult> {
        connection.execute(query::<Self>(sql, values))
    }

    fn fetch_optional<'c>(
        connection: &'c mut SqliteConnection,
        sql: impl SqlSafeStr,
        values: &[Value<'c>],
    ) -> QueryFuture<'c, Option<SqliteRow>> {
        connection.fetch_optional(query::<Self>(sql, values))
    }

    fn fetch_all<'c>(
        connection: &'c mut SqliteConnection,
        sql: impl SqlSafeStr,
        values: &[Value<'c>],
    ) -> QueryFuture<'c, Vec<SqliteRow>> {
        connection.fetch_all(query::<Self>(sql, values))
    }

    fn rows_affected(done: &SqliteQueryResult) -> u64 {
        done.rows_affected()
    }

    fn text<'r>(row: &'r SqliteRow, column: &str) -> Result<Option<&'r str>, sqlx::Error> {
        row.try_get(column)
    }

    fn boolean(row: &SqliteRow, column: &str) -> Result<bool, sqlx::Error> {
        row.try_get(column)
    }

    fn number(row: &SqliteRow, column: &str) -> Result<i64, sqlx::Error> {
        row.try_get(column)
    }
}

fn migrations() -> Migrator {
    let tenants = include_str!("../../migrations/directory/sqlite/0001_tenants.sql");
    let roles = include_str!("../../migrations/directory/sqlite/0002_roles.sql");
    let tombstones = include_str!("../../migrations/directory/sqlite/0003_tombstones.sql");
    let placement = include_str!("../../migrations/directory/sqlite/0004_placement.sql");
    let freed_names = include_str!("../../migrations/directory/sqlite/0005_freed_names.sql");
    let creation = include_str!("../../migrations/directory/sqlite/0006_creation.sql");
    let pages = include_str!("../../migrations/directory/sqlite/0007_pages_and_metadata.sql");
    let events = include_str!("../../migrations/directory/sqlite/0008_events.sql");
    let places = include_str!("../../migrations/directory/sqlite/0009_places.sql");
    let runs = include_str!("../../migrations/directory/sqlite/0010_runs.sql");
    let settings = include_str!("../../migrations/directory/sqlite/0011_settings.sql");
    let impersonations = include_str!("../../migrations/directory/sqlite/0012_impersonations.sql");
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
        migration(7, "pages and metadata", pages),
        migration(8, "events", events),
        migration(9, "places", places),
        migration(10, "runs", runs),
        migration(11, "settings", settings),
        migration(12, "impersonations", impersonations),
    ]);
    // From the first version on: the warning is about changing it later.
    migrations.dangerous_set_table_name("_tenancy_migrations");
    migrations
}

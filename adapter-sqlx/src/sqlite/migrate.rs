//! Migrations that run once, even if several processes start them.

use std::time::{Duration, Instant};

use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};
use tenancy_core::names::TenantId;

use super::versions;
use crate::StrategyError;
use crate::directory::begin_write;
use crate::error::classify::is_busy;
use crate::strategy::minimum_version::newest_version;
use crate::transaction::begin::begin_lent;

/// How long to wait for other processes that open the same file, beyond the connection's busy timeout: SQLite does not
/// heed that timeout where it makes the write-ahead log.
const OTHERS: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// Opens a connection and runs what is new of `migrations`. They are those of the tenant, if there is one, whose version is recorded.
pub(super) async fn connect(
    options: &SqliteConnectOptions,
    migrations: Option<&Migrator>,
    tenant: Option<&TenantId>,
) -> Result<SqliteConnection, StrategyError> {
    let attempts = Attempts::new();
    loop {
        match connect_once(options, migrations, tenant).await {
            Err(error) => attempts.wait_after(error).await?,
            connected => return connected,
        }
    }
}

/// Runs what is new of `migrations` on a connection of a pool, which is closed if it cannot be vouched for afterwards.
pub(super) async fn run_on_pool(pool: &SqlitePool, migrations: &Migrator) -> Result<(), StrategyError> {
    let attempts = Attempts::new();
    loop {
        match run_on_pool_once(pool, migrations).await {
            Err(error) => attempts.wait_after(error).await?,
            done => return done,
        }
    }
}

async fn connect_once(
    options: &SqliteConnectOptions,
    migrations: Option<&Migrator>,
    tenant: Option<&TenantId>,
) -> Result<SqliteConnection, StrategyError> {
    let mut connection = options.connect().await?;
    if let Some(migrations) = migrations {
        run(&mut connection, migrations, tenant).await?;
    }
    Ok(connection)
}

async fn run_on_pool_once(pool: &SqlitePool, migrations: &Migrator) -> Result<(), StrategyError> {
    // A transaction that reads waits for no writer.
    let mut tx = begin_write(pool, "begin").await.map_err(StrategyError::other)?;
    let is_up_to_date = is_up_to_date(tx.connection_mut(), migrations).await?;
    tx.rollback().await.map_err(StrategyError::other)?;
    if is_up_to_date {
        return Ok(());
    }
    let mut tx = begin_write(pool, "begin immediate")
        .await
        .map_err(StrategyError::other)?;
    migrations.run_direct(None, tx.connection_mut(), false).await?;
    tx.commit().await.map_err(StrategyError::other)
}

/// Runs what is new of `migrations`, all of it or nothing.
///
/// sqlx takes no lock on SQLite, so the write lock is taken here. Migrations that are marked to run
/// outside a transaction cannot be held together; those run one by one.
///
/// `run_direct` is hidden in sqlx's documentation and there for this: the compiler cannot prove that
/// the future of `run` is `Send` where the connection is borrowed.
async fn run(
    connection: &mut SqliteConnection,
    migrations: &Migrator,
    tenant: Option<&TenantId>,
) -> Result<(), StrategyError> {
    if is_up_to_date(connection, migrations).await? {
        return record(connection, migrations, tenant).await;
    }
    if migrations.iter().any(|migration| migration.no_tx) {
        migrations.run_direct(None, connection, false).await?;
        return record(connection, migrations, tenant).await;
    }
    let mut tx = begin_lent(connection, Some("begin immediate")).await?;
    migrations.run_direct(None, &mut *tx, false).await?;
    record(&mut tx, migrations, tenant).await?;
    Ok(tx.commit().await?)
}

/// All of them have run.
async fn record(
    connection: &mut SqliteConnection,
    migrations: &Migrator,
    tenant: Option<&TenantId>,
) -> Result<(), StrategyError> {
    match (tenant, newest_version(migrations)) {
        (Some(tenant), Some(newest)) => versions::record(connection, tenant, newest).await,
        _ => Ok(()),
    }
}

/// Whether all migrations have run, and no others. It takes no lock; migrations are only ever added.
async fn is_up_to_date(connection: &mut SqliteConnection, migrations: &Migrator) -> Result<bool, MigrateError> {
    let table = &*migrations.table_name;
    let is_there: bool = sqlx::query_scalar("select exists (select 1 from sqlite_schema where name = $1)")
        .bind(table)
        .fetch_one(&mut *connection)
        .await?;
    if !is_there || connection.dirty_version(table).await?.is_some() {
        return Ok(false);
    }
    let applied = connection.list_applied_migrations(table).await?;
    let mut known = migrations.iter().filter(|one| one.migration_type.is_up_migration());
    let is_known = |one: &AppliedMigration| {
        known
            .next()
            .is_some_and(|known| known.version == one.version && known.checksum == one.checksum)
    };
    Ok(applied.iter().all(is_known) && known.next().is_none())
}

/// Attempts that fail while another connection holds a lock, until [`OTHERS`] is over.
struct Attempts {
    begun: Instant,
}

impl Attempts {
    fn new() -> Self {
        Self { begun: Instant::now() }
    }

    /// Waits before the next attempt, or fails where waiting does not help.
    async fn wait_after(&self, error: StrategyError) -> Result<(), StrategyError> {
        if !is_busy(&error) || self.begun.elapsed() > OTHERS {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }
}

//! Migrations that run once, even if several processes start them.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{SqliteConnection, SqlitePool};

use crate::StrategyError;
use crate::directory::begin_write;
use crate::transaction::begin::begin_lent;

/// Runs what is new of `migrations`, all of it or nothing.
///
/// sqlx takes no lock on SQLite, so the write lock is taken here. Migrations that are marked to run
/// outside a transaction cannot be held together; those run one by one.
///
/// `run_direct` is hidden in sqlx's documentation and there for this: the compiler cannot prove that
/// the future of `run` is `Send` where the connection is borrowed.
pub(super) async fn run(connection: &mut SqliteConnection, migrations: &Migrator) -> Result<(), MigrateError> {
    if migrations.iter().any(|migration| migration.no_tx) {
        return migrations.run_direct(None, connection, false).await;
    }
    let mut tx = begin_lent(connection, Some("begin immediate")).await?;
    migrations.run_direct(None, &mut *tx, false).await?;
    tx.commit().await?;
    Ok(())
}

/// As [`run`], on a connection of a pool, which is closed if it cannot be vouched for afterwards.
pub(super) async fn run_on_pool(pool: &SqlitePool, migrations: &Migrator) -> Result<(), StrategyError> {
    let mut tx = begin_write(pool, "begin immediate")
        .await
        .map_err(StrategyError::other)?;
    migrations.run_direct(None, tx.connection_mut(), false).await?;
    tx.commit().await.map_err(StrategyError::other)
}

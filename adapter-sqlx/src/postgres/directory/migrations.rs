//! The directory's migrations, on a connection that nobody uses afterwards.

use sqlx::migrate::{AppliedMigration, Migrate, Migrator};
use sqlx::{Connection, PgConnection, PgPool};

use crate::StrategyError;

/// How long to wait for another process that migrates the same database, or for locks on the tables.
const LOCK_TIMEOUT: &str = "set lock_timeout = '30s'";

/// Runs what is new of `migrations`. Afterwards a connection is ready in the pool.
///
/// sqlx takes one lock for all migrations of a database, in the session, and gives it up only after success. So the
/// connection leaves the pool for good: when it is closed, or dropped, the server gives up what it holds.
pub(in crate::postgres) async fn run(pool: &PgPool, migrations: &Migrator) -> Result<(), StrategyError> {
    let mut connection = pool.acquire().await?;
    leave_transaction(&mut connection).await?;
    if is_up_to_date(&mut connection, migrations).await? {
        return Ok(());
    }
    let mut connection = connection.detach();
    let outcome = run_on(&mut connection, migrations).await;
    let closed = connection.close().await;
    outcome?;
    closed?;
    drop(pool.acquire().await?);
    Ok(())
}

async fn run_on(connection: &mut PgConnection, migrations: &Migrator) -> Result<(), StrategyError> {
    sqlx::raw_sql(LOCK_TIMEOUT).execute(&mut *connection).await?;
    // Hidden in sqlx's documentation: the compiler cannot prove that the future of `run` is `Send` where the
    // connection is borrowed.
    Ok(migrations.run_direct(None, connection, false).await?)
}

/// Ends what the connection's last borrower may have left open: migrations in there would never be committed.
pub(super) async fn leave_transaction(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    // Without a transaction `rollback` alone would be warned of; in a failed one it is all that is taken.
    if sqlx::raw_sql("begin; rollback")
        .execute(&mut *connection)
        .await
        .is_err()
    {
        sqlx::raw_sql("rollback").execute(&mut *connection).await?;
    }
    Ok(())
}

/// Whether all migrations have run, and no others. It takes no lock; migrations are only ever added.
async fn is_up_to_date(connection: &mut PgConnection, migrations: &Migrator) -> Result<bool, StrategyError> {
    let table = &*migrations.table_name;
    let is_there: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(table)
        .fetch_one(&mut *connection)
        .await?;
    if !is_there || connection.dirty_version(table).await?.is_some() {
        return Ok(false);
    }
    let applied = connection.list_applied_migrations(table).await?;
    let is_same = |(applied, known): (&AppliedMigration, &sqlx::migrate::Migration)| {
        applied.version == known.version && applied.checksum == known.checksum
    };
    Ok(applied.len() == migrations.iter().count() && applied.iter().zip(migrations.iter()).all(is_same))
}

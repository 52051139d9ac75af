//! How a change of the directory begins and ends.

use sqlx::{Database, Pool, SqlSafeStr, SqlStr};

use crate::StrategyTransaction;
use crate::directory::error::DirectoryError;

/// Begins a transaction by `statement`, on a connection on which nothing else is open.
///
/// The pool may be the application's, which may have left a transaction open on a connection by a future that was
/// dropped. What is written there is never committed, so such a connection is closed, and another one is taken.
pub(crate) async fn begin_write<DB: Database>(
    pool: &Pool<DB>,
    statement: impl SqlSafeStr,
) -> Result<StrategyTransaction<DB>, DirectoryError> {
    let statement: SqlStr = statement.into_sql_str();
    for _ in 0..pool.options().get_max_connections() {
        match StrategyTransaction::begin(pool.acquire().await?, statement.clone()).await {
            Err(error) if is_left_open(&error) => {
                tracing::warn!("a connection that was left inside a transaction is closed: {error}");
            }
            begun => return Ok(begun?),
        }
    }
    Ok(StrategyTransaction::begin(pool.acquire().await?, statement).await?)
}

/// Whether the connection was inside a transaction already.
fn is_left_open(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::InvalidSavePointStatement => true,
        // PostgreSQL's `in_failed_sql_transaction`. SQLite has only words for it.
        sqlx::Error::Database(error) => {
            error.code().as_deref() == Some("25P02") || error.message().contains("within a transaction")
        }
        _ => false,
    }
}

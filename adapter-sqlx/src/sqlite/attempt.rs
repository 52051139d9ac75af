//! One attempt to begin a transaction on one connection.

use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{SqlSafeStr, Sqlite};

use super::answers::rows_of;
use super::clean::is_as_installed;
use super::fence::is_refusal;
use crate::StrategyTransaction;
use crate::transaction::connections::give_back::EndState;

/// What has come of an attempt, where the connection is known to be usable.
pub(super) enum Attempt {
    Begun(StrategyTransaction<Sqlite>),
    /// The fence has refused, and the connection is to be given back.
    Refused(StrategyTransaction<Sqlite>, sqlx::Error),
}

/// On a connection of the pool. After another error than a refusal it is closed.
pub(super) async fn attempt_after_end(
    connection: PoolConnection<Sqlite>,
    text: impl SqlSafeStr,
) -> Result<Attempt, sqlx::Error> {
    let mut tx = StrategyTransaction::beginning(connection);
    let error = match tx.begin_by(text).await {
        Ok(()) => return Ok(Attempt::Begun(tx)),
        Err(error) => error,
    };
    // In sqlx's count no transaction is open, but it is. An empty one in its place is what sqlx counts.
    if is_refusal(&error) && tx.begin_by("rollback; begin").await.is_ok() {
        return Ok(Attempt::Refused(tx.ended(EndState::Empty), error));
    }
    Err(error)
}

/// On a connection whose last transaction is open still, before and after in sqlx's count. It is closed after an error, and
/// where it is not clean. The future holds all that it needs: it may outlive its caller.
///
/// # Security
///
/// The tenant before may have put another trigger in the place of the one that refuses. So a refusal counts only behind rows
/// that show that no trigger has changed.
pub(super) async fn attempt_after_open(
    connection: PoolConnection<Sqlite>,
    query: Query<'static, Sqlite, SqliteArguments>,
) -> Result<Attempt, sqlx::Error> {
    let mut tx = StrategyTransaction::beginning(connection);
    let (rows, error) = rows_of(tx.connection_mut(), query).await;
    match error {
        None if is_as_installed(&rows) => Ok(Attempt::Begun(tx.begun())),
        None => Err(sqlx::Error::BeginFailed),
        Some(error) if is_refusal(&error) && is_as_installed(&rows) => {
            Ok(Attempt::Refused(tx.ended(EndState::Open), error))
        }
        Some(error) => Err(error),
    }
}

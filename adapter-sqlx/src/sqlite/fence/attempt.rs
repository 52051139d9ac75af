//! A transaction that begins, or is refused, on one connection.

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Sqlite};

use super::refusal::{fenced, is_refusal};
use crate::transaction::give_back::EndState;
use crate::{StrategyError, StrategyTransaction};

/// Begins a transaction. If the fence refuses it, the connection goes back to its pool.
pub(in crate::sqlite) async fn begin(
    connection: PoolConnection<Sqlite>,
    statement: String,
) -> Result<StrategyTransaction<Sqlite>, StrategyError> {
    let mut tx = StrategyTransaction::beginning(connection);
    let error = match tx.begin_by(AssertSqlSafe(statement)).await {
        Ok(()) => return Ok(tx),
        Err(error) => error,
    };
    // In sqlx's count no transaction is open, but it is. An empty one in its place is what sqlx counts.
    if is_refusal(&error) && tx.begin_by("rollback; begin").await.is_ok() {
        drop(tx.ended(EndState::Empty));
    }
    Err(fenced(error))
}

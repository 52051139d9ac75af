//! One attempt to begin a transaction on one connection.

use std::future::Future;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Postgres};

use super::begin::BeginText;
use super::echo::Echo;
use crate::StrategyTransaction;
use crate::transaction::connections::give_back::EndState;

/// What has come of an attempt, where the connection is known to be usable.
pub(super) enum Attempt {
    Begun(StrategyTransaction<Postgres>),
    /// The fence has refused, and the connection is to be given back.
    Refused(StrategyTransaction<Postgres>, sqlx::Error),
}

/// On a connection of the pool. After another error than a refusal it is closed.
pub(super) async fn attempt_after_end(
    connection: PoolConnection<Postgres>,
    text: &BeginText,
) -> Result<Attempt, sqlx::Error> {
    let mut tx = StrategyTransaction::beginning(connection);
    match tx.begin_by(text.after_end()).await {
        Ok(()) => return Ok(Attempt::Begun(tx)),
        Err(error) if !text.is_refused_by(&error) => return Err(error),
        Err(_) if text.uses_prepared() => {}
        Err(error) => return refused_after_end(tx, error).await,
    }
    // In sqlx's count none is open, but it is, and has failed.
    let (again, _) = text.clone().without_prepared().after_open();
    match tx.begin_by(again).await {
        Ok(()) => Ok(Attempt::Begun(tx)),
        Err(error) if text.is_refused_by(&error) => refused_after_end(tx, error).await,
        Err(error) => Err(error),
    }
}

/// Ends the transaction that has failed. An empty one in its place is what sqlx counts.
async fn refused_after_end(
    mut tx: StrategyTransaction<Postgres>,
    refusal: sqlx::Error,
) -> Result<Attempt, sqlx::Error> {
    tx.begin_by("rollback; begin").await?;
    Ok(Attempt::Refused(tx.ended(EndState::Empty), refusal))
}

/// On a connection whose last transaction is open still. The future holds all that it needs: it may outlive its caller.
///
/// # Security
///
/// A refusal may be forged: the tenant before may have prepared another statement under the name by which this one enters, or an
/// answer may be that to a statement before. So it counts only once it is given again to a text that rests on nothing of the
/// session, and the connection has shown that its answers are those to the latest statements.
pub(super) fn attempt_after_open(
    connection: PoolConnection<Postgres>,
    text: &BeginText,
) -> impl Future<Output = Result<Attempt, sqlx::Error>> + Send + 'static {
    let (statement, echo) = text.after_open();
    let again = text.may_be_refused().then(|| text.clone().without_prepared());
    async move {
        let mut tx = StrategyTransaction::beginning(connection);
        let begun = tx.begin_after_open(statement, |rows| echo.is_in(rows)).await;
        let text = match (begun, again) {
            (Ok(()), _) => return Ok(Attempt::Begun(tx)),
            (Err(error), Some(text)) if text.is_refused_by(&error) => text,
            (Err(error), _) => return Err(error),
        };
        let (statement, echo) = text.after_open();
        let refusal = match tx.begin_after_open(statement, |rows| echo.is_in(rows)).await {
            Ok(()) => return Ok(Attempt::Begun(tx)),
            Err(error) if text.is_refused_by(&error) => error,
            Err(error) => return Err(error),
        };
        let echo = Echo::new();
        let in_step = AssertSqlSafe(format!("rollback; {}; begin", echo.statement()));
        tx.begin_after_open(in_step, |rows| echo.is_in(rows)).await?;
        Ok(Attempt::Refused(tx.ended(EndState::Empty), refusal))
    }
}

//! How a connection goes back to its pool whose answers may be those of other statements.

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, PgConnection, Postgres};
use tokio::runtime::Handle;

use super::echo::Echo;
use crate::transaction::connections::give_back::EndState;
use crate::transaction::connections::give_back::{RETURN_TIMEOUT, Returning, give_back};
use crate::transaction::connections::warm::WarmDatabase;

impl WarmDatabase for Postgres {
    fn give_back(connection: PoolConnection<Self>, end: EndState) {
        give_back_in_step(connection, end);
    }
}

/// Gives a connection back to its pool if its answers are those to the latest statements, and closes it otherwise.
///
/// After a commit that is known already, since the answer was looked at.
fn give_back_in_step(connection: PoolConnection<Postgres>, end: EndState) {
    match Handle::try_current() {
        Ok(runtime) if end != EndState::Empty => {
            runtime.spawn(return_if_in_step(Returning::new(connection), end));
        }
        _ => give_back(connection, end),
    }
}

/// Its error, if there is one, is the last tenant's: it is not logged.
async fn return_if_in_step(mut returning: Returning<Postgres>, end: EndState) {
    let Some(connection) = returning.connection() else {
        return;
    };
    let asked = tokio::time::timeout(RETURN_TIMEOUT, is_in_step(connection, end)).await;
    let end = if end == EndState::Open { EndState::Empty } else { end };
    if matches!(asked, Ok(Ok(true)))
        && let Some(connection) = returning.take()
    {
        give_back(connection, end);
    }
}

/// Ends the transaction that is open, too. An empty one in its place is what sqlx counts.
async fn is_in_step(connection: &mut PgConnection, end: EndState) -> Result<bool, sqlx::Error> {
    let echo = Echo::new();
    let ask = echo.statement();
    let sql = match end {
        EndState::Ended => ask,
        EndState::Empty | EndState::Open => format!("rollback; {ask}; begin"),
    };
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await?;
    Ok(echo.is_in(&rows))
}

//! A commit that is one.
//!
//! PostgreSQL answers `COMMIT` with success in a transaction that has failed, which it rolls back, and where no
//! transaction is open. sqlx does not look at which of them it was.

use std::future::Future;
use std::pin::Pin;

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::echo::Echo;
use crate::strategy::strategy_transaction::{Commit, CommitFailure};
use crate::transaction::connections::give_back::EndState;
use crate::{Mode, TransactionError};

/// Set in each transaction that writes, until its end: what marks it as the one that was begun. Where that has ended,
/// and where another was begun in its place (`ROLLBACK AND CHAIN`), there is no mark.
pub(in crate::postgres) const MARK: &str = "tenancy.transaction";
pub(in crate::postgres) const MARKED: &str = "on";

/// Nothing is shown in a transaction that has failed. The empty transaction at the end is what sqlx counts.
const READ_WRITE: &str = "show tenancy.transaction; commit; begin";
/// A savepoint fails in a transaction that has failed, and where none is open. What is shown is `on`, and tells that this
/// is the answer.
const READ_ONLY: &str = "savepoint tenancy_commit; show transaction_read_only; commit; begin";

const NO_ACTIVE_TRANSACTION: &str = "25P01";
const IN_FAILED_TRANSACTION: &str = "25P02";

pub(in crate::postgres) fn commit_of(mode: Mode) -> &'static dyn Commit<sqlx::Postgres> {
    match mode {
        Mode::ReadWrite => &PgCommit { sql: READ_WRITE },
        Mode::ReadOnly => &PgCommit { sql: READ_ONLY },
    }
}

struct PgCommit {
    sql: &'static str,
}

impl Commit<sqlx::Postgres> for PgCommit {
    fn commit<'c>(
        &'c self,
        connection: &'c mut PgConnection,
    ) -> Pin<Box<dyn Future<Output = Result<EndState, CommitFailure>> + Send + 'c>> {
        Box::pin(async move {
            let answer = sqlx::raw_sql(self.sql).fetch_all(&mut *connection).await;
            let rows = match answer {
                Ok(rows) => rows,
                Err(error) => return Err(failure(connection, error).await),
            };
            let mark = rows.first().and_then(|row| row.try_get::<String, _>(0).ok());
            if mark.as_deref() != Some(MARKED) {
                let error = TransactionError::NotOpen;
                return Err(CommitFailure { error, end: None });
            }
            Ok(EndState::Empty)
        })
    }
}

/// A refused commit leaves the session idle, or in its failed transaction. Either is put right, so that the connection
/// can be used again, unless the error was the answer to another statement.
async fn failure(connection: &mut PgConnection, error: sqlx::Error) -> CommitFailure {
    let code = error.as_database_error().and_then(|error| error.code());
    let (error, mend) = match code.as_deref() {
        None => (TransactionError::Commit(error), None),
        Some(NO_ACTIVE_TRANSACTION) => (TransactionError::NotOpen, None),
        Some(IN_FAILED_TRANSACTION) => (TransactionError::Failed, Some("rollback; ")),
        Some(_) => (TransactionError::Commit(error), Some("")),
    };
    let end = match mend {
        Some(first) if begins_anew(connection, first).await => Some(EndState::Empty),
        _ => None,
    };
    CommitFailure { error, end }
}

async fn begins_anew(connection: &mut PgConnection, first: &str) -> bool {
    let echo = Echo::new();
    let sql = format!("{first}{}; begin", echo.statement());
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await;
    rows.is_ok_and(|rows| echo.is_in(&rows))
}

//! How transactions are committed. Of the strategy `row` none changes the schema, and a commit is of the transaction that
//! was begun.
//!
//! A view or table that one transaction makes could show all tenants' rows to everyone, and the proof of the
//! schema would refuse every later transaction of every tenant. SQLite's authorizer, which refuses such a
//! statement itself, cannot be set without `unsafe` code. So the change is undone at the commit: [`SqliteCommit::GUARDED`]
//! compares the schema's version first. A `COMMIT` that is sent as SQL compares nothing, and becomes a rollback.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::sqlite::SqliteOperation;
use sqlx::{Sqlite, SqliteConnection};

use super::answers::rows_of;
use crate::TransactionError;
use crate::strategy::strategy_transaction::{Commit, CommitFailure};
use crate::transaction::connections::give_back::EndState;

/// The update fails, and the commit is not reached, unless the schema is the one that was proved and the tenant
/// is bound: a `ROLLBACK` that is sent as SQL undoes the latter. It touches a row of a temporary table, and the
/// hook that [`install`] has set notices and lifts its bar. The empty transaction at the end is what sqlx counts.
const GUARDED: &str = "update temp.tenancy_installed set
        main = iif(main = (select schema_version from pragma_schema_version), main, null),
        temp = iif(exists (select 1 from temp.tenancy_bound), temp, null);
    commit; begin";

const NOT_NULL: &str = "1299";
const FOREIGN_KEY: &str = "787";

/// Bars a connection from committing what has begun with a tenant, until [`GUARDED`].
pub(super) async fn install(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let is_barred = Arc::new(AtomicBool::new(false));
    let mut handle = connection.lock_handle().await?;
    // The hooks run on the connection's own thread, one after the other.
    let barred = Arc::clone(&is_barred);
    handle.set_update_hook(move |change| match (change.database, change.table, change.operation) {
        ("temp", "tenancy_bound", SqliteOperation::Insert) => barred.store(true, Ordering::Relaxed),
        ("temp", "tenancy_installed", _) => barred.store(false, Ordering::Relaxed),
        _ => {}
    });
    let barred = Arc::clone(&is_barred);
    handle.set_rollback_hook(move || barred.store(false, Ordering::Relaxed));
    // `false` turns the commit into a rollback.
    handle.set_commit_hook(move || !is_barred.load(Ordering::Relaxed));
    Ok(())
}

/// Commits a transaction, in a text that each connection prepares once.
pub(super) struct SqliteCommit(&'static str);

impl SqliteCommit {
    /// Of a file that one tenant has, or of a transaction that only read.
    pub(super) const PLAIN: Self = Self("commit; begin");
    /// Only one that has not changed the schema.
    pub(super) const GUARDED: Self = Self(GUARDED);
}

impl Commit<Sqlite> for SqliteCommit {
    fn commit<'c>(
        &'c self,
        connection: &'c mut SqliteConnection,
    ) -> Pin<Box<dyn Future<Output = Result<EndState, CommitFailure>> + Send + 'c>> {
        Box::pin(async move {
            match rows_of(connection, sqlx::query(self.0)).await {
                (_, None) => Ok(EndState::Empty),
                (_, Some(error)) => Err(failure(connection, error).await),
            }
        })
    }
}

async fn failure(connection: &mut SqliteConnection, error: sqlx::Error) -> CommitFailure {
    let code = error.as_database_error().and_then(|error| error.code());
    let (error, end) = match code.as_deref() {
        Some(NOT_NULL) => (refusal(connection).await, None),
        // A deferred key leaves the transaction open.
        Some(FOREIGN_KEY) => (TransactionError::Commit(error), Some(EndState::Open)),
        _ => (TransactionError::Commit(error), None),
    };
    CommitFailure { error, end }
}

/// Which of its two conditions has failed the update of [`GUARDED`].
async fn refusal(connection: &mut SqliteConnection) -> TransactionError {
    let is_bound = sqlx::query_scalar("select exists (select 1 from temp.tenancy_bound)")
        .fetch_one(connection)
        .await;
    match is_bound {
        Ok(true) => TransactionError::SchemaChanged,
        Ok(false) => TransactionError::NotOpen,
        Err(error) => TransactionError::Commit(error),
    }
}

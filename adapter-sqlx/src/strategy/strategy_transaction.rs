//! The transaction that a strategy begins.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use sqlx::pool::PoolConnection;
use sqlx::{Database, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;

use crate::TransactionError;
use crate::transaction::connections::give_back::{EndState, close, give_back};

/// A transaction that is already bound to its tenant, and what must outlive it.
///
/// The connection goes back to its pool only after an end that is known. If a future was dropped while the
/// transaction began, or code behind sqlx's back changed how many transactions are open, the connection is closed
/// instead: what it would show to the next transaction is not known.
///
/// Dropped outside of a tokio runtime, it closes its connection.
pub struct StrategyTransaction<DB: Database> {
    // Dropped in this order: the lease ends after the transaction. Taken out when that is dropped.
    connection: Option<PoolConnection<DB>>,
    state: State,
    commit: Option<&'static dyn Commit<DB>>,
    recycler: Option<Box<dyn Recycler<DB>>>,
    lease: Option<Box<dyn Send + Sync>>,
}

/// Takes the connection after the transaction, in place of its pool.
pub(crate) trait Recycler<DB: Database>: Send + Sync {
    /// Takes a connection.
    fn take(&self, connection: PoolConnection<DB>, end: EndState);
}

/// Commits a transaction, and knows whether it was this transaction that was committed: a database may answer a
/// `COMMIT` with success although there was nothing left to commit.
pub(crate) trait Commit<DB: Database>: Send + Sync {
    /// Commits. Afterwards the connection is as the answer says, in sqlx's count of transactions too.
    fn commit<'c>(
        &'c self,
        connection: &'c mut DB::Connection,
    ) -> Pin<Box<dyn Future<Output = Result<EndState, CommitFailure>> + Send + 'c>>;
}

/// A commit that failed.
pub(crate) struct CommitFailure {
    pub(crate) error: TransactionError,
    /// How the connection was left, if that is known. Otherwise it is closed.
    pub(crate) end: Option<EndState>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The statement that begins or commits it has been sent, and not been answered.
    Unknown,
    Open,
    Ended(EndState),
}

impl<DB: Database> StrategyTransaction<DB> {
    /// Begins a transaction by `statement`, which leaves it bound to its tenant: one text, so that no
    /// query comes between. It may hold several statements.
    ///
    /// Dropped before it has begun, it closes the connection: a transaction that nobody knows of must not
    /// stay open in the pool.
    ///
    /// # Errors
    ///
    /// If the database refuses it, or it leaves no transaction open. The connection is closed then.
    pub async fn begin(connection: PoolConnection<DB>, statement: impl SqlSafeStr) -> Result<Self, sqlx::Error> {
        let mut begun = Self::beginning(connection);
        begun.begin_by(statement).await?;
        Ok(begun)
    }

    /// Begins on its connection, where no transaction is open in sqlx's count.
    #[expect(
        clippy::disallowed_methods,
        reason = "dropped while this waits, the connection is closed"
    )]
    pub(crate) async fn begin_by(&mut self, statement: impl SqlSafeStr) -> Result<(), sqlx::Error> {
        self.state = State::Unknown;
        DB::TransactionManager::begin(self.connection_mut(), Some(statement.into_sql_str())).await?;
        self.state = State::Open;
        Ok(())
    }

    /// A transaction that has not begun. Dropped, it closes its connection.
    pub(crate) const fn beginning(connection: PoolConnection<DB>) -> Self {
        Self {
            connection: Some(connection),
            state: State::Unknown,
            commit: None,
            recycler: None,
            lease: None,
        }
    }

    /// As [`begin_by`](Self::begin_by), where the last transaction is open still: `statement` ends that first.
    /// Rows that are not the answer to it mean that the connection is out of step, and it is closed.
    #[cfg(feature = "postgres")]
    pub(crate) async fn begin_after_open(
        &mut self,
        statement: impl SqlSafeStr,
        is_answer: impl FnOnce(&[DB::Row]) -> bool,
    ) -> Result<(), sqlx::Error>
    where
        for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    {
        self.state = State::Unknown;
        // In sqlx's count one transaction is open, before and after.
        let rows = sqlx::raw_sql(statement).fetch_all(self.connection_mut()).await?;
        if !is_answer(&rows) {
            return Err(sqlx::Error::BeginFailed);
        }
        self.state = State::Open;
        Ok(())
    }

    /// Says that it has begun, as sqlx counts too.
    #[cfg(feature = "sqlite")]
    pub(crate) const fn begun(mut self) -> Self {
        self.state = State::Open;
        self
    }

    /// Says that nothing of it is left, and how its connection is: dropped, it is given back so.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) const fn ended(mut self, end: EndState) -> Self {
        self.state = State::Ended(end);
        self
    }

    /// Holds a value until the transaction has ended, such as a permit.
    #[must_use]
    pub fn with_lease(mut self, lease: impl Send + Sync + 'static) -> Self {
        self.lease = Some(Box::new(lease));
        self
    }

    /// Gives the connection to `recycler` after the transaction, if its state is known.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn with_recycler(mut self, recycler: impl Recycler<DB> + 'static) -> Self {
        self.recycler = Some(Box::new(recycler));
        self
    }

    /// Commits in this way in place of sqlx's.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn with_commit(mut self, commit: &'static dyn Commit<DB>) -> Self {
        self.commit = Some(commit);
        self
    }

    #[expect(clippy::expect_used, reason = "only the drop takes it")]
    pub(crate) fn connection(&self) -> &DB::Connection {
        self.connection.as_ref().expect("a connection until the drop")
    }

    #[expect(clippy::expect_used, reason = "only the drop takes it")]
    pub(crate) fn connection_mut(&mut self) -> &mut DB::Connection {
        self.connection.as_mut().expect("a connection until the drop")
    }

    pub(crate) async fn commit(mut self) -> Result<(), TransactionError> {
        if !self.is_outermost() {
            return Err(TransactionError::NotOpen);
        }
        let Some(commit) = self.commit else {
            let committed = DB::TransactionManager::commit(self.connection_mut()).await;
            committed.map_err(TransactionError::Commit)?;
            self.state = State::Ended(EndState::Ended);
            return Ok(());
        };
        self.state = State::Unknown;
        match commit.commit(self.connection_mut()).await {
            Ok(end) => {
                self.state = State::Ended(end);
                Ok(())
            }
            Err(CommitFailure { error, end }) => {
                self.state = end.map_or(State::Unknown, State::Ended);
                Err(error)
            }
        }
    }

    pub(crate) async fn rollback(mut self) -> Result<(), TransactionError> {
        if !self.is_outermost() {
            return Err(TransactionError::NotOpen);
        }
        let rolled_back = DB::TransactionManager::rollback(self.connection_mut()).await;
        rolled_back.map_err(TransactionError::Rollback)?;
        self.state = State::Ended(EndState::Ended);
        Ok(())
    }

    /// Whether this transaction is open, and no savepoint in it: what sqlx ends next is this.
    fn is_outermost(&self) -> bool {
        DB::TransactionManager::get_transaction_depth(self.connection()) == 1
    }
}

impl<DB: Database> Drop for StrategyTransaction<DB> {
    fn drop(&mut self) {
        let end = match self.state {
            State::Ended(end) => Some(end),
            State::Open if self.is_outermost() => Some(EndState::Open),
            State::Open | State::Unknown => None,
        };
        let Some(connection) = self.connection.take() else {
            return;
        };
        let Some(end) = end else {
            return close(connection);
        };
        match self.recycler.take() {
            Some(recycler) => recycler.take(connection, end),
            None => give_back(connection, end),
        }
    }
}

impl<DB: Database> fmt::Debug for StrategyTransaction<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StrategyTransaction")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

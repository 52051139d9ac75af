//! What a strategy hands out.

use std::fmt;

use sqlx::pool::PoolConnection;
use sqlx::{Database, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;

use crate::TransactionError;

/// A transaction that is bound to its tenant already, and what must outlive it.
///
/// The connection goes back to its pool only after an end that it can vouch for. Where a future was
/// dropped while the transaction began, or where code behind sqlx's back changed how many transactions
/// are open, the connection is closed instead: nobody can tell what it would show the next borrower.
pub struct StrategyTransaction<DB: Database> {
    // Dropped in this order: the lease ends after the transaction. Taken out when that is dropped.
    connection: Option<PoolConnection<DB>>,
    state: State,
    keeper: Option<Box<dyn Keeper<DB>>>,
    lease: Option<Box<dyn Send + Sync>>,
}

/// Who may take the connection afterwards, in place of its pool.
pub(crate) trait Keeper<DB: Database>: Send + Sync {
    /// Takes a connection, or hands it back.
    fn take(&self, connection: PoolConnection<DB>, left: Left) -> Option<PoolConnection<DB>>;
}

/// How a transaction has left its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The transaction has ended: the database has said so.
    Ended,
    /// The transaction is open, in sqlx's count too. A query may still run.
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The statement that begins it has been sent, and not been answered.
    Beginning,
    Open,
    Ended,
}

impl<DB: Database> StrategyTransaction<DB> {
    /// Begins a transaction by `statement`, which leaves it bound to its tenant: one text, so that no
    /// query comes between. It may hold several statements.
    ///
    /// # Errors
    ///
    /// Where the database refuses it, or it leaves no transaction open. The connection is closed then.
    pub async fn begin(connection: PoolConnection<DB>, statement: impl SqlSafeStr) -> Result<Self, sqlx::Error> {
        let mut begun = Self::beginning(connection);
        DB::TransactionManager::begin(begun.connection_mut(), Some(statement.into_sql_str())).await?;
        begun.state = State::Open;
        Ok(begun)
    }

    const fn beginning(connection: PoolConnection<DB>) -> Self {
        Self {
            connection: Some(connection),
            state: State::Beginning,
            keeper: None,
            lease: None,
        }
    }

    /// As [`begin`](Self::begin), on a connection whose last transaction is open still: `statement` ends that first.
    #[cfg(feature = "postgres")]
    pub(crate) async fn begin_after_open(
        connection: PoolConnection<DB>,
        statement: impl SqlSafeStr,
    ) -> Result<Self, sqlx::Error>
    where
        for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    {
        let mut begun = Self::beginning(connection);
        // In sqlx's count one transaction is open, before and after.
        sqlx::raw_sql(statement).execute(begun.connection_mut()).await?;
        begun.state = State::Open;
        Ok(begun)
    }

    /// Keeps a value until the transaction has ended: a place in a pool, a permit.
    #[must_use]
    pub fn with_lease(mut self, lease: impl Send + Sync + 'static) -> Self {
        self.lease = Some(Box::new(lease));
        self
    }

    /// Gives the connection to `keeper` after the transaction, if it can be vouched for.
    #[cfg(feature = "postgres")]
    pub(crate) fn with_keeper(mut self, keeper: impl Keeper<DB> + 'static) -> Self {
        self.keeper = Some(Box::new(keeper));
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
        let committed = DB::TransactionManager::commit(self.connection_mut()).await;
        committed.map_err(TransactionError::Commit)?;
        self.state = State::Ended;
        Ok(())
    }

    pub(crate) async fn rollback(mut self) -> Result<(), TransactionError> {
        if !self.is_outermost() {
            return Err(TransactionError::NotOpen);
        }
        let rolled_back = DB::TransactionManager::rollback(self.connection_mut()).await;
        rolled_back.map_err(TransactionError::Rollback)?;
        self.state = State::Ended;
        Ok(())
    }

    /// Whether this transaction is open, and no savepoint in it: what sqlx ends next is this.
    fn is_outermost(&self) -> bool {
        DB::TransactionManager::get_transaction_depth(self.connection()) == 1
    }
}

impl<DB: Database> Drop for StrategyTransaction<DB> {
    fn drop(&mut self) {
        let left = match self.state {
            State::Ended => Some(Left::Ended),
            State::Open if self.is_outermost() => Some(Left::Open),
            State::Open | State::Beginning => None,
        };
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let Some(left) = left else {
            return connection.close_on_drop();
        };
        let keeper = self.keeper.take().filter(|_| !std::thread::panicking());
        let not_kept = match keeper {
            Some(keeper) => keeper.take(connection, left),
            None => Some(connection),
        };
        if let Some(mut connection) = not_kept
            && left == Left::Open
        {
            // The pool sends it before the connection is lent again.
            DB::TransactionManager::start_rollback(&mut connection);
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

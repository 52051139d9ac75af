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
    // Dropped in this order: the lease ends after the transaction.
    connection: PoolConnection<DB>,
    state: State,
    lease: Option<Box<dyn Send + Sync>>,
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
        let mut begun = Self {
            connection,
            state: State::Beginning,
            lease: None,
        };
        DB::TransactionManager::begin(&mut begun.connection, Some(statement.into_sql_str())).await?;
        begun.state = State::Open;
        Ok(begun)
    }

    /// Keeps a value until the transaction has ended: a place in a pool, a permit.
    #[must_use]
    pub fn with_lease(mut self, lease: impl Send + Sync + 'static) -> Self {
        self.lease = Some(Box::new(lease));
        self
    }

    pub(crate) fn connection(&self) -> &DB::Connection {
        &self.connection
    }

    pub(crate) fn connection_mut(&mut self) -> &mut DB::Connection {
        &mut self.connection
    }

    pub(crate) async fn commit(mut self) -> Result<(), TransactionError> {
        if !self.is_outermost() {
            return Err(TransactionError::NotOpen);
        }
        let committed = DB::TransactionManager::commit(&mut self.connection).await;
        committed.map_err(TransactionError::Commit)?;
        self.state = State::Ended;
        Ok(())
    }

    pub(crate) async fn rollback(mut self) -> Result<(), TransactionError> {
        if !self.is_outermost() {
            return Err(TransactionError::NotOpen);
        }
        let rolled_back = DB::TransactionManager::rollback(&mut self.connection).await;
        rolled_back.map_err(TransactionError::Rollback)?;
        self.state = State::Ended;
        Ok(())
    }

    /// Whether this transaction is open, and no savepoint in it: what sqlx ends next is this.
    fn is_outermost(&self) -> bool {
        DB::TransactionManager::get_transaction_depth(&self.connection) == 1
    }
}

impl<DB: Database> Drop for StrategyTransaction<DB> {
    fn drop(&mut self) {
        match self.state {
            State::Ended => {}
            // The pool sends it before the connection is lent again.
            State::Open if self.is_outermost() => DB::TransactionManager::start_rollback(&mut self.connection),
            State::Open | State::Beginning => self.connection.close_on_drop(),
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

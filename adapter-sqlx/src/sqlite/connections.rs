//! A pool, and how many of its connections are in use.

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqlitePool};

use crate::StrategyError;
use crate::transaction::connections::in_use::{InUse, InUseGuard};

/// A pool that tells that it is exhausted from that it cannot open a connection.
#[derive(Debug)]
pub(super) struct Connections {
    pool: SqlitePool,
    in_use: InUse,
}

impl Connections {
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self {
            pool,
            in_use: InUse::default(),
        }
    }

    /// A connection for a transaction, which holds on to the guard until it has ended.
    pub(super) async fn acquire(&self) -> Result<(PoolConnection<Sqlite>, InUseGuard), StrategyError> {
        match self.pool.acquire().await {
            Ok(connection) => Ok((connection, self.in_use.enter())),
            Err(error) => Err(self.in_use.refusal(error, self.pool.options().get_max_connections())),
        }
    }

    /// The pool behind.
    pub(super) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }
}

//! A pool, and how many of its connections are in use.

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqlitePool};
use tenancy_core::names::TenantId;

use crate::StrategyError;
use crate::transaction::in_use::{InUse, InUseGuard};
use crate::transaction::tenant_shares::{Share, TenantShares};

/// A pool that tells that it is exhausted from that it cannot open a connection.
#[derive(Debug)]
pub(super) struct Connections {
    pool: SqlitePool,
    in_use: InUse,
    /// What shares them among tenants.
    shares: Option<TenantShares>,
}

impl Connections {
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self {
            pool,
            in_use: InUse::default(),
            shares: None,
        }
    }

    /// Shares them among tenants.
    pub(super) fn with_tenant_shares(self, shares: Option<TenantShares>) -> Self {
        Self { shares, ..self }
    }

    /// As [`acquire`](Self::acquire), for a tenant, once its share of the connections has room.
    pub(super) async fn acquire_for(
        &self,
        tenant: &TenantId,
    ) -> Result<(PoolConnection<Sqlite>, (InUseGuard, Option<Share>)), StrategyError> {
        let Some(shares) = &self.shares else {
            let (connection, in_use) = self.acquire().await?;
            return Ok((connection, (in_use, None)));
        };
        let (share, timeout) = shares.enter(tenant, self.pool.options().get_acquire_timeout()).await?;
        let acquired = tokio::time::timeout(timeout, self.acquire()).await;
        let (connection, in_use) = acquired.unwrap_or_else(|_| Err(self.refusal(sqlx::Error::PoolTimedOut)))?;
        Ok((connection, (in_use, Some(share))))
    }

    /// A connection for a transaction, which holds on to the guard until it has ended.
    pub(super) async fn acquire(&self) -> Result<(PoolConnection<Sqlite>, InUseGuard), StrategyError> {
        match self.pool.acquire().await {
            Ok(connection) => Ok((connection, self.in_use.enter())),
            Err(error) => Err(self.refusal(error)),
        }
    }

    fn refusal(&self, error: sqlx::Error) -> StrategyError {
        self.in_use.refusal(error, self.pool.options().get_max_connections())
    }

    /// The pool behind.
    pub(super) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }
}

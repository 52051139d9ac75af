//! Pools of tenants' connections, which stay available between two transactions: see [`warm`](crate::transaction::connections::warm).
//!
//! Each statement is a turn to the thread of its connection and back. A transaction begins in one, whether its connection
//! has stayed or comes from the pool. One that only read has ended with that: the next one's text ends it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Sqlite, SqlitePool};

use super::attempt::{Attempt, attempt_after_end, attempt_after_open};
use super::begin::{BeginTexts, Binds, is_schema_stale};
use super::commit::SqliteCommit;
use super::fence::{FenceWatch, fenced};
use crate::error::classify::is_busy;
use crate::transaction::connections::give_back::{EndState, give_back};
use crate::transaction::connections::in_use::InUse;
use crate::transaction::connections::tenant_shares::TenantShares;
use crate::transaction::connections::warm::{RecycleInto, Waiting, Warm, WarmDatabase, begun_in_time};
use crate::{Binding, Mode, StrategyError, StrategyTransaction};

/// How many connections in a row may turn out to be from before a migration, beside those that the pool has had.
const STALE: u32 = 20;

impl WarmDatabase for Sqlite {
    fn give_back(connection: PoolConnection<Self>, end: EndState) {
        give_back(connection, end);
    }
}

/// A pool, and what stays out of it for a moment.
pub(super) struct WarmPool {
    pool: SqlitePool,
    mode: Mode,
    texts: BeginTexts,
    commit: &'static SqliteCommit,
    fence: FenceWatch,
    in_use: InUse,
    /// What shares the connections among tenants.
    shares: Option<TenantShares>,
    warm: Arc<Warm<Sqlite>>,
}

impl WarmPool {
    /// Of connections on which [`remember`](super::pool::remember) has run, each for transactions of this kind.
    pub(super) fn new(pool: SqlitePool, mode: Mode, binds: Binds) -> Self {
        Self {
            pool,
            mode,
            texts: BeginTexts::new(mode, binds),
            commit: &SqliteCommit::PLAIN,
            fence: FenceWatch::default(),
            in_use: InUse::default(),
            shares: None,
            warm: Warm::new(),
        }
    }

    /// Commits in this way.
    pub(super) fn with_commit(self, commit: &'static SqliteCommit) -> Self {
        Self { commit, ..self }
    }

    /// Uses no connection of a file that is not fenced as the strategy is.
    pub(super) fn with_fence(self, fence: FenceWatch) -> Self {
        Self { fence, ..self }
    }

    /// Shares the connections among tenants.
    pub(super) fn with_tenant_shares(self, shares: Option<TenantShares>) -> Self {
        Self { shares, ..self }
    }

    /// Begins a transaction of a tenant, once its share of the connections has room. It is counted until the transaction has ended.
    pub(super) async fn begin(&self, binding: &Binding<'_>) -> Result<StrategyTransaction<Sqlite>, StrategyError> {
        let timeout = self.pool.options().get_acquire_timeout();
        let Some(shares) = &self.shares else {
            return self.begin_within(timeout, binding).await;
        };
        let (share, timeout) = shares.enter(binding.id(), timeout).await?;
        let begun = self.begin_within(timeout, binding).await?;
        Ok(begun.with_lease(share))
    }

    /// Begins a transaction on a connection that is available, for which it waits so long. One that turns out to be from before a change of the schema, or
    /// that is not clean, is closed, and another one tried.
    async fn begin_within(
        &self,
        timeout: Duration,
        binding: &Binding<'_>,
    ) -> Result<StrategyTransaction<Sqlite>, StrategyError> {
        if let Some(begun) = self.begin_on_warm(binding).await {
            return begun;
        }
        let mut stale_left = self.pool.options().get_max_connections().saturating_add(STALE);
        loop {
            match self.begin_on_pooled(timeout, binding).await {
                Err(StrategyError::Database(error)) if is_schema_stale(&error) && stale_left > 0 => stale_left -= 1,
                begun => return begun,
            }
        }
    }

    /// On the connections that stayed, until one begins or refuses.
    async fn begin_on_warm(&self, binding: &Binding<'_>) -> Option<Result<StrategyTransaction<Sqlite>, StrategyError>> {
        for _ in 0..self.pool.options().get_max_connections() {
            let mut entry = self.warm.pop(|_| true)?;
            let taken_at = entry.taken_at();
            let attempt = Box::pin(attempt_after_open(entry.take()?, self.texts.after_open(binding)));
            let attempt = match self.mode {
                // It waits for other writers, and behind nothing: its last transaction was committed.
                Mode::ReadWrite => attempt.await,
                Mode::ReadOnly => match begun_in_time(attempt).await {
                    Some(attempt) => attempt,
                    None => continue,
                },
            };
            match attempt {
                Ok(attempt) => return Some(self.recycled(attempt, taken_at)),
                // The file's, and not of what the connection has been through.
                Err(error) if is_busy(&error) => return Some(Err(error.into())),
                Err(_) => tracing::debug!("a connection on which no transaction begins is replaced"),
            }
        }
        None
    }

    async fn begin_on_pooled(
        &self,
        timeout: Duration,
        binding: &Binding<'_>,
    ) -> Result<StrategyTransaction<Sqlite>, StrategyError> {
        let taken_at = Instant::now();
        let connection = self.acquire(timeout).await?;
        self.fence.require()?;
        let text = AssertSqlSafe(self.texts.after_end(binding));
        let attempt = attempt_after_end(connection, text).await.map_err(fenced)?;
        self.recycled(attempt, taken_at)
    }

    /// The pool's own time-out is no shorter.
    async fn acquire(&self, timeout: Duration) -> Result<PoolConnection<Sqlite>, StrategyError> {
        let _waiting = Waiting::new(&self.warm);
        let acquired = tokio::time::timeout(timeout, self.pool.acquire()).await;
        let acquired = acquired.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        acquired.map_err(|error| self.in_use.refusal(error, self.pool.options().get_max_connections()))
    }

    /// The transaction, whose connection comes back here. If it was refused, it comes back now.
    fn recycled(&self, attempt: Attempt, taken_at: Instant) -> Result<StrategyTransaction<Sqlite>, StrategyError> {
        let recycled = |tx: StrategyTransaction<Sqlite>| {
            let (warm, in_use) = (Arc::clone(&self.warm), self.in_use.enter());
            tx.with_commit(self.commit)
                .with_recycler(RecycleInto::new(warm, self.mode, true, taken_at, in_use))
        };
        match attempt {
            Attempt::Begun(begun) => Ok(recycled(begun)),
            Attempt::Refused(refused, error) => {
                drop(recycled(refused));
                Err(fenced(error))
            }
        }
    }

    /// Closes all connections: at once those that no transaction has, the others when theirs has ended. The future waits for all.
    pub(super) fn close(&self) -> impl Future<Output = ()> + '_ {
        // Closed by now, so that what has stayed is closed in place of being looked at.
        let closing = self.pool.close();
        drop(self.warm.close());
        closing
    }
}

impl fmt::Debug for WarmPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WarmPool")
            .field("pool", &self.pool)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

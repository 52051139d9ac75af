//! Pools of connections that stay available between two transactions: see [`warm`](crate::transaction::connections::warm).

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use tenancy_core::names::TenantId;

use super::attempt::{Attempt, attempt_after_end, attempt_after_open};
use super::begin::BeginText;
use super::commit::commit_of;
use super::stale::LastChange;
use crate::postgres::fence::refusal::fenced;
use crate::postgres::fence::watch::FenceWatch;
use crate::transaction::connections::in_use::InUse;
use crate::transaction::connections::tenant_shares::{Share, TenantShares};
use crate::transaction::connections::warm::{Entry, RecycleInto, Waiting, Warm, begun_in_time};
use crate::{Mode, StrategyError, StrategyTransaction};

/// That a tenant may begin a transaction, and in what time.
pub(in crate::postgres) struct Entered {
    share: Option<Share>,
    timeout: Duration,
}

/// A pool, and what stays out of it for a moment.
#[derive(Clone)]
pub(in crate::postgres) struct WarmPool(Arc<Shared>);

struct Shared {
    pool: PgPool,
    /// After which connections from before are not used any more.
    last_change: Option<LastChange>,
    /// Whether a transaction may stay open for a moment. Behind a pooler it would hold a connection to the server.
    keeps_open: bool,
    /// Whether the database is fenced as the strategy is.
    fence: FenceWatch,
    /// How many transactions are under way.
    in_use: InUse,
    /// What shares the connections among tenants.
    shares: Option<TenantShares>,
    warm: Arc<Warm<Postgres>>,
}

impl WarmPool {
    pub(in crate::postgres) fn new(pool: PgPool) -> Self {
        Self(Arc::new(Shared {
            pool,
            last_change: None,
            keeps_open: true,
            fence: FenceWatch::default(),
            in_use: InUse::default(),
            shares: None,
            warm: Warm::new(),
        }))
    }

    /// Replaces connections from before the last change.
    pub(in crate::postgres) fn with_last_change(self, last_change: LastChange) -> Self {
        self.set(|shared| shared.last_change = Some(last_change))
    }

    /// Uses no connection of a database that is not fenced as the strategy is.
    pub(in crate::postgres) fn with_fence(self, fence: FenceWatch) -> Self {
        self.set(|shared| shared.fence = fence)
    }

    /// Keeps no transaction open behind a pooler.
    pub(in crate::postgres) fn with_transaction_pooler(self, has_transaction_pooler: bool) -> Self {
        self.set(|shared| shared.keeps_open = !has_transaction_pooler)
    }

    /// Before it is shared; after that nothing changes.
    fn set(mut self, set: impl FnOnce(&mut Shared)) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            set(shared);
        }
        self
    }

    /// Shares the connections among tenants.
    pub(in crate::postgres) fn with_tenant_shares(self, shares: Option<TenantShares>) -> Self {
        self.set(|shared| shared.shares = shares)
    }

    /// Lets a tenant begin a transaction, once its share of the connections has room. Without shares that is at once.
    pub(in crate::postgres) async fn enter(&self, tenant: &TenantId) -> Result<Entered, StrategyError> {
        let timeout = self.0.pool.options().get_acquire_timeout();
        let Some(shares) = &self.0.shares else {
            return Ok(Entered { share: None, timeout });
        };
        let (share, timeout) = shares.enter(tenant, timeout).await?;
        let share = Some(share);
        Ok(Entered { share, timeout })
    }

    /// As [`begin`](Self::begin), for a tenant that has been let in. It is counted until the transaction has ended.
    pub(in crate::postgres) async fn begin_entered(
        &self,
        entered: Entered,
        text: BeginText,
    ) -> Result<StrategyTransaction<Postgres>, sqlx::Error> {
        let begun = tokio::time::timeout(entered.timeout, self.begin_on_any(&text)).await;
        let begun = begun.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        Ok(match entered.share {
            Some(share) => begun.with_lease(share),
            None => begun,
        })
    }

    /// Begins a transaction on a connection that is available, and on another if one turns out to be dead or busy.
    /// All of it takes as long as the pool may take for a connection, and no longer: a pooler lets a client wait
    /// for minutes in the midst of it.
    pub(in crate::postgres) async fn begin(
        &self,
        text: BeginText,
    ) -> Result<StrategyTransaction<Postgres>, sqlx::Error> {
        let timeout = self.0.pool.options().get_acquire_timeout();
        self.begin_entered(Entered { share: None, timeout }, text).await
    }

    /// # Security
    ///
    /// What a connection answers to the text that begins by a statement which the session has prepared may come from
    /// the tenant before: a handler can prepare another statement of that name. So that answer is only taken where it
    /// is a success. What fails is begun again by a text that rests on nothing of the session, on another connection,
    /// and the first error is neither returned nor logged. What the fence refuses is begun again so on the same connection:
    /// see [`attempt`](super::attempt).
    async fn begin_on_any(&self, text: &BeginText) -> Result<StrategyTransaction<Postgres>, sqlx::Error> {
        let mode = text.mode();
        if let Some((taken_at, begun)) = self.begin_on_warm(text).await {
            return self.recycled(begun, mode, taken_at);
        }
        let (taken_at, connection) = self.acquire().await?;
        match attempt_after_end(connection, text).await {
            Ok(begun) => return self.recycled(begun, mode, taken_at),
            Err(error) if !text.uses_prepared() && !is_dead(&error) => return Err(error),
            Err(_) => tracing::debug!("a connection on which no transaction begins is replaced"),
        }
        // All that are there may have died together; after them comes a new one.
        let text = text.clone().without_prepared();
        let mut tries_left = self.0.pool.options().get_max_connections();
        loop {
            let (taken_at, connection) = self.acquire().await?;
            match attempt_after_end(connection, &text).await {
                Err(error) if is_dead(&error) && tries_left > 0 => {
                    tracing::debug!("a dead connection is replaced");
                    tries_left -= 1;
                }
                begun => return self.recycled(begun?, mode, taken_at),
            }
        }
    }

    /// On the connections that stayed, until one begins. Its error is that of another tenant's last query as likely as
    /// not, so it only means that another connection is tried.
    async fn begin_on_warm(&self, text: &BeginText) -> Option<(Instant, Attempt)> {
        for _ in 0..self.0.pool.options().get_max_connections() {
            let mut entry = self.0.warm.pop(|entry| self.is_fresh(entry))?;
            let taken_at = entry.taken_at();
            let beginning = Box::pin(attempt_after_open(entry.take()?, text));
            match begun_in_time(beginning).await {
                Some(Ok(begun)) => return Some((taken_at, begun)),
                Some(Err(_)) => tracing::debug!("a connection on which no transaction begins is replaced"),
                None => tracing::debug!("a connection that does not answer is left alone"),
            }
        }
        None
    }

    /// Whether a connection is from after the last change.
    fn is_fresh(&self, entry: &Entry<Postgres>) -> bool {
        let is_fresh = |change: &LastChange| change.is_before(entry.taken_at().elapsed());
        self.0.last_change.as_ref().is_none_or(is_fresh)
    }

    /// What it means that [`begin`](Self::begin) failed so.
    pub(in crate::postgres) fn refusal(&self, error: sqlx::Error) -> StrategyError {
        match fenced(error) {
            Ok(refusal) => refusal,
            Err(error) => self
                .0
                .in_use
                .refusal(error, self.0.pool.options().get_max_connections()),
        }
    }

    /// The pool behind.
    pub(in crate::postgres) fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// Closes all connections, once the transactions that hold them have ended.
    pub(in crate::postgres) async fn close(&self) {
        drop(self.0.warm.close());
        self.0.pool.close().await;
    }

    /// A connection of the pool, and since when it is away.
    async fn acquire(&self) -> Result<(Instant, PoolConnection<Postgres>), sqlx::Error> {
        let _waiting = Waiting::new(&self.0.warm);
        // Before the pool looks at it: what changes meanwhile counts as later.
        let taken_at = Instant::now();
        let mut connection = self.0.pool.acquire().await?;
        if let Some(mismatch) = self.0.fence.mismatch() {
            connection.close_on_drop();
            return Err(mismatch.into());
        }
        Ok((taken_at, connection))
    }

    /// The transaction, whose connection comes back here. If it was refused, it comes back now.
    fn recycled(
        &self,
        attempt: Attempt,
        mode: Mode,
        taken_at: Instant,
    ) -> Result<StrategyTransaction<Postgres>, sqlx::Error> {
        let recycled = |tx: StrategyTransaction<Postgres>| {
            let (warm, in_use) = (Arc::clone(&self.0.warm), self.0.in_use.enter());
            tx.with_commit(commit_of(mode)).with_recycler(RecycleInto::new(
                warm,
                mode,
                self.0.keeps_open,
                taken_at,
                in_use,
            ))
        };
        match attempt {
            Attempt::Begun(begun) => Ok(recycled(begun)),
            Attempt::Refused(refused, error) => {
                drop(recycled(refused));
                Err(error)
            }
        }
    }
}

/// Whether the connection failed, and not the statement.
fn is_dead(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::BeginFailed
        | sqlx::Error::InvalidSavePointStatement => true,
        // Connection exceptions; ended by an administrator or a crash; an aborted transaction of before.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("08") || matches!(&*code, "57P01" | "57P02" | "57P05" | "25P02" | "25P03")
        }),
        _ => false,
    }
}

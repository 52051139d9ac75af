//! Connections that stay at hand between two transactions.
//!
//! sqlx's pool asks a connection for a sign of life whenever it comes back, one round trip for each
//! transaction. Where the next transaction follows at once, its own beginning is sign enough. So a connection
//! stays here for a moment, and goes back to the pool when nobody has used it. The pool decides on all else: how
//! many there are, how long they live, whose turn it is.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use sqlx_core::transaction::TransactionManager;
use tokio::runtime::Handle;

use super::schema_refresh::LastChange;
use super::session::BeginText;
use crate::strategy_transaction::{Keeper, Left};
use crate::{Mode, StrategyTransaction};

/// How long an unused connection stays. A transaction that only read, and was dropped, is open for as long.
const MOMENT: Duration = Duration::from_millis(2);

/// How long a connection may stay away from its pool, which replaces those that are old.
const AWAY: Duration = Duration::from_secs(60);

/// How long a transaction may take to begin on a connection that stayed. A query whose future was dropped may
/// still run there.
const PATIENCE: Duration = Duration::from_millis(50);

/// A pool, and what stays out of it for a moment.
#[derive(Clone)]
pub(super) struct Sessions(Arc<Shared>);

struct Shared {
    pool: PgPool,
    /// After which connections from before are not used any more.
    last_change: Option<LastChange>,
    /// Whether a transaction may stay open for a moment. Behind a pooler it would hold a connection to the server.
    keeps_open: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last used is the last.
    kept: Vec<Kept>,
    /// Who waits for the pool, which hands out only what comes back to it.
    waiting: usize,
    is_tidied: bool,
    is_closed: bool,
}

/// A connection that stays. Dropped, it goes back to its pool.
struct Kept {
    connection: Option<PoolConnection<Postgres>>,
    left: Left,
    taken_at: Instant,
    kept_at: Instant,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        if Handle::try_current().is_err() {
            // The pool takes it back on the runtime, and would panic without one: it is only closed.
            drop(connection.leak());
        } else if self.left == Left::Open {
            // The pool sends it before the connection is lent again.
            <Postgres as sqlx::Database>::TransactionManager::start_rollback(&mut connection);
        }
    }
}

impl Sessions {
    pub(super) fn new(pool: PgPool) -> Self {
        Self(Arc::new(Shared {
            pool,
            last_change: None,
            keeps_open: true,
            state: Mutex::default(),
        }))
    }

    /// Replaces connections from before the last change.
    pub(super) fn with_last_change(self, last_change: LastChange) -> Self {
        self.set(|shared| shared.last_change = Some(last_change))
    }

    /// Keeps no transaction open behind a pooler.
    pub(super) fn with_transaction_pooler(self, has_transaction_pooler: bool) -> Self {
        self.set(|shared| shared.keeps_open = !has_transaction_pooler)
    }

    /// Before it is shared; after that nothing changes.
    fn set(mut self, set: impl FnOnce(&mut Shared)) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            set(shared);
        }
        self
    }

    /// Begins a transaction on a connection that is at hand, on another where one turns out to be dead or busy.
    /// All of it takes as long as the pool may take for a connection, and no longer: a pooler lets a client wait
    /// for minutes in the midst of it.
    pub(super) async fn begin(&self, text: BeginText) -> Result<StrategyTransaction<Postgres>, sqlx::Error> {
        let begun = tokio::time::timeout(self.0.pool.options().get_acquire_timeout(), self.begin_on_any(text));
        begun.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn begin_on_any(&self, text: BeginText) -> Result<StrategyTransaction<Postgres>, sqlx::Error> {
        let mode = text.mode();
        // All that are there may have died together; the next one is new.
        for _ in 0..self.0.pool.options().get_max_connections() {
            let Some(kept) = self.0.pop() else { break };
            let taken_at = kept.taken_at;
            match begin_on_kept(kept, &text).await {
                Some(Err(error)) if is_dead(&error) => tracing::debug!("a dead connection is replaced: {error}"),
                Some(begun) => return Ok(self.keep_after(begun?, mode, taken_at)),
                None => tracing::debug!("a connection is left alone until its last query has ended"),
            }
        }
        let text = text.after(Left::Ended);
        for _ in 0..self.0.pool.options().get_max_connections() {
            let (taken_at, connection) = self.acquire().await?;
            match StrategyTransaction::begin(connection, text.clone()).await {
                Err(error) if is_dead(&error) => tracing::debug!("a dead connection is replaced: {error}"),
                begun => return Ok(self.keep_after(begun?, mode, taken_at)),
            }
        }
        let (taken_at, connection) = self.acquire().await?;
        let begun = StrategyTransaction::begin(connection, text).await?;
        Ok(self.keep_after(begun, mode, taken_at))
    }

    /// The pool behind.
    pub(super) fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// Closes all connections, once the transactions that hold them have ended.
    pub(super) async fn close(&self) {
        let kept = {
            let mut state = self.0.state();
            state.is_closed = true;
            std::mem::take(&mut state.kept)
        };
        drop(kept);
        self.0.pool.close().await;
    }

    /// A connection of the pool, and since when it is away.
    async fn acquire(&self) -> Result<(Instant, PoolConnection<Postgres>), sqlx::Error> {
        let _waiting = Waiting::new(&self.0);
        // Before the pool looks at it: what changes meanwhile counts as later.
        let taken_at = Instant::now();
        Ok((taken_at, self.0.pool.acquire().await?))
    }

    fn keep_after(
        &self,
        begun: StrategyTransaction<Postgres>,
        mode: Mode,
        taken_at: Instant,
    ) -> StrategyTransaction<Postgres> {
        let shared = Arc::clone(&self.0);
        begun.with_keeper(KeepAfter { shared, mode, taken_at })
    }
}

/// `None` where something else still runs there. It goes on, and the connection comes back to its pool then.
async fn begin_on_kept(mut kept: Kept, text: &BeginText) -> Option<Result<StrategyTransaction<Postgres>, sqlx::Error>> {
    let (connection, left) = (kept.connection.take()?, kept.left);
    let text = text.after(left);
    let mut beginning = Box::pin(async move {
        match left {
            Left::Ended => StrategyTransaction::begin(connection, text).await,
            Left::Open => StrategyTransaction::begin_after_open(connection, text).await,
        }
    });
    match tokio::time::timeout(PATIENCE, beginning.as_mut()).await {
        Ok(begun) => Some(begun),
        Err(_) => {
            tokio::spawn(beginning);
            None
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What was used last and is of use.
    fn pop(&self) -> Option<Kept> {
        loop {
            let kept = self.state().kept.pop()?;
            let is_fresh = |change: &LastChange| change.is_before(kept.taken_at.elapsed());
            if self.last_change.as_ref().is_none_or(is_fresh) {
                return Some(kept);
            }
        }
    }

    /// Keeps a connection at hand, or hands it back.
    fn keep(
        self: &Arc<Self>,
        connection: PoolConnection<Postgres>,
        left: Left,
        taken_at: Instant,
    ) -> Option<PoolConnection<Postgres>> {
        let (Ok(runtime), kept_at) = (Handle::try_current(), Instant::now()) else {
            return Some(connection);
        };
        let mut state = self.state();
        if state.is_closed || state.waiting > 0 || kept_at.duration_since(taken_at) > AWAY {
            return Some(connection);
        }
        state.kept.push(Kept {
            connection: Some(connection),
            left,
            taken_at,
            kept_at,
        });
        let is_tidied = std::mem::replace(&mut state.is_tidied, true);
        // A runtime that ends drops the task at once, and that locks again.
        drop(state);
        if !is_tidied {
            let (shared, has_ended) = (Arc::clone(self), false);
            runtime.spawn(Tidying { shared, has_ended }.run());
        }
        None
    }
}

/// What becomes of a connection after its transaction.
struct KeepAfter {
    shared: Arc<Shared>,
    mode: Mode,
    taken_at: Instant,
}

impl Keeper<Postgres> for KeepAfter {
    fn take(&self, connection: PoolConnection<Postgres>, left: Left) -> Option<PoolConnection<Postgres>> {
        // One that wrote may hold rows that others wait for: it is rolled back at once.
        let may_stay = left == Left::Ended || self.mode == Mode::ReadOnly && self.shared.keeps_open;
        if may_stay {
            self.shared.keep(connection, left, self.taken_at)
        } else {
            Some(connection)
        }
    }
}

/// Gives back what nobody has used for a moment, as long as there is something.
struct Tidying {
    shared: Arc<Shared>,
    has_ended: bool,
}

impl Tidying {
    async fn run(mut self) {
        while !self.has_ended {
            tokio::time::sleep(MOMENT).await;
            let unused = {
                let mut state = self.shared.state();
                let kept = std::mem::take(&mut state.kept).into_iter();
                let (unused, used): (Vec<_>, Vec<_>) = kept.partition(|kept| kept.kept_at.elapsed() >= MOMENT);
                state.kept = used;
                state.is_tidied = !state.kept.is_empty();
                self.has_ended = !state.is_tidied;
                unused
            };
            drop(unused);
        }
    }
}

impl Drop for Tidying {
    /// Its runtime may have ended. Then another begins as soon as something is kept.
    fn drop(&mut self) {
        if !self.has_ended {
            self.shared.state().is_tidied = false;
        }
    }
}

/// Counts who waits, also where it stops to.
struct Waiting<'s>(&'s Shared);

impl<'s> Waiting<'s> {
    fn new(shared: &'s Shared) -> Self {
        shared.state().waiting += 1;
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

/// Whether it is the connection that failed, and not what it was asked.
fn is_dead(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::BeginFailed | sqlx::Error::InvalidSavePointStatement => true,
        // Connection exceptions; ended by an administrator or a crash; an aborted transaction of before; a
        // session that has dropped what it was prepared with.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("08") || matches!(&*code, "57P01" | "57P02" | "57P05" | "25P02" | "25P03" | "26000")
        }),
        _ => false,
    }
}

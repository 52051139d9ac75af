//! The connections that stay available between two transactions, and what gives them back.
//!
//! sqlx's pool asks a connection something whenever it comes back. If the next transaction follows at once, its own
//! beginning can do that: it ends what is open, looks whether the connection is clean, and begins, in one text. So a
//! connection stays here for a moment ([`IDLE_GRACE`]), and goes back to its pool when nobody has used it. The pool
//! decides on all else: how many there are, how long they live, whose turn it is.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use sqlx::Database;
use sqlx::pool::PoolConnection;
use tokio::runtime::{Handle, Id};

use super::give_back::{EndState, Pending, RETURN_TIMEOUT, close, pending_answers};
use super::in_use::InUseGuard;
use crate::Mode;
use crate::strategy::strategy_transaction::Recycler;

/// How long an unused connection stays. A transaction that only read, and was dropped, is open for as long.
pub(crate) const IDLE_GRACE: Duration = Duration::from_millis(2);

/// How long a connection may stay away from its pool, which replaces those that are old.
const MAX_CHECKOUT: Duration = Duration::from_secs(60);

/// How long a transaction may take to begin on a connection that stayed, before another is tried: the network may have
/// swallowed it, or a query of a dropped future may still run.
const BEGIN_TIMEOUT: Duration = Duration::from_millis(50);

/// A database whose connections stay between two transactions.
pub(crate) trait WarmDatabase: Database {
    /// Gives a connection back to its pool, or closes it.
    fn give_back(connection: PoolConnection<Self>, end: EndState);
}

/// The connections of one pool that stay out of it for a moment.
pub(crate) struct Warm<DB: WarmDatabase>(Mutex<State<DB>>);

struct State<DB: WarmDatabase> {
    /// The last used is the last.
    warm: Vec<Entry<DB>>,
    /// How many callers wait for the pool, which hands out only what comes back to it.
    waiting: usize,
    /// The runtimes that have a task which gives back what their own tasks left here.
    reaping: Vec<Id>,
    is_closed: bool,
}

/// A connection that stays, with a transaction that is open. Dropped, it goes back to its pool.
pub(crate) struct Entry<DB: WarmDatabase> {
    connection: Option<PoolConnection<DB>>,
    end: EndState,
    taken_at: Instant,
    left_at: Instant,
    /// The runtime that most likely polls its socket. Another one may be blocked.
    runtime: Id,
}

impl<DB: WarmDatabase> Entry<DB> {
    pub(crate) const fn taken_at(&self) -> Instant {
        self.taken_at
    }

    pub(crate) const fn take(&mut self) -> Option<PoolConnection<DB>> {
        self.connection.take()
    }
}

impl<DB: WarmDatabase> Drop for Entry<DB> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            DB::give_back(connection, self.end);
        }
    }
}

impl<DB: WarmDatabase> Warm<DB> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            warm: Vec::new(),
            waiting: 0,
            reaping: Vec::new(),
            is_closed: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State<DB>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What this runtime used last and is of use.
    pub(crate) fn pop(&self, is_of_use: impl Fn(&Entry<DB>) -> bool) -> Option<Entry<DB>> {
        let runtime = Handle::try_current().ok()?.id();
        loop {
            let entry = {
                let mut state = self.state();
                let at = state.warm.iter().rposition(|entry| entry.runtime == runtime)?;
                state.warm.remove(at)
            };
            if is_of_use(&entry) {
                return Some(entry);
            }
        }
    }

    /// Takes nothing from now on, and hands out what has stayed.
    pub(crate) fn close(&self) -> Vec<Entry<DB>> {
        let mut state = self.state();
        state.is_closed = true;
        std::mem::take(&mut state.warm)
    }

    /// Lets a connection stay, or hands it back where it may not.
    fn stay(
        self: &Arc<Self>,
        connection: PoolConnection<DB>,
        end: EndState,
        taken_at: Instant,
    ) -> Option<PoolConnection<DB>> {
        let (Ok(runtime), left_at) = (Handle::try_current(), Instant::now()) else {
            return Some(connection);
        };
        let mut state = self.state();
        if state.is_closed || state.waiting > 0 || left_at.duration_since(taken_at) > MAX_CHECKOUT {
            return Some(connection);
        }
        let id = runtime.id();
        state.warm.push(Entry {
            connection: Some(connection),
            end,
            taken_at,
            left_at,
            runtime: id,
        });
        let is_reaped = state.reaping.contains(&id);
        if !is_reaped {
            state.reaping.push(id);
        }
        // A runtime that ends drops the task at once, and that locks again.
        drop(state);
        if !is_reaped {
            runtime.spawn(Reaper::new(Arc::clone(self), id).run());
        }
        None
    }
}

/// Takes a connection after its transaction, in place of the pool.
pub(crate) struct RecycleInto<DB: WarmDatabase> {
    warm: Arc<Warm<DB>>,
    mode: Mode,
    keeps_open: bool,
    taken_at: Instant,
    _in_use: InUseGuard,
}

impl<DB: WarmDatabase> RecycleInto<DB> {
    /// `keeps_open` is whether a transaction may stay open for a moment. Behind a pooler it would hold a connection to the
    /// server.
    pub(crate) const fn new(
        warm: Arc<Warm<DB>>,
        mode: Mode,
        keeps_open: bool,
        taken_at: Instant,
        in_use: InUseGuard,
    ) -> Self {
        Self {
            warm,
            mode,
            keeps_open,
            taken_at,
            _in_use: in_use,
        }
    }
}

impl<DB: WarmDatabase> Recycler<DB> for RecycleInto<DB> {
    fn take(&self, mut connection: PoolConnection<DB>, end: EndState) {
        let may_stay = match end {
            // Only what begins after an open transaction looks at its answer.
            EndState::Ended => false,
            EndState::Empty => self.keeps_open,
            // One that wrote may hold rows that others wait for: it is rolled back at once.
            EndState::Open => self.mode == Mode::ReadOnly && self.keeps_open,
        };
        if !may_stay || std::thread::panicking() {
            return DB::give_back(connection, end);
        }
        match pending_answers::<DB>(&mut connection) {
            Pending::None => {
                if let Some(connection) = self.warm.stay(connection, end, self.taken_at) {
                    DB::give_back(connection, end);
                }
            }
            // Nobody who begins a transaction waits for it.
            Pending::StillComing => DB::give_back(connection, end),
            // An error of the last tenant's query. It is neither returned to the next one nor logged.
            Pending::Failed => close(connection),
        }
    }
}

/// Waits for a transaction to begin on a connection that stayed. `None` where there is no answer in time: the connection
/// comes back to its pool if one comes later, and is closed after [`RETURN_TIMEOUT`].
pub(crate) async fn begun_in_time<B: Send + 'static>(
    mut beginning: Pin<Box<dyn Future<Output = B> + Send>>,
) -> Option<B> {
    match tokio::time::timeout(BEGIN_TIMEOUT, beginning.as_mut()).await {
        Ok(begun) => Some(begun),
        Err(_) => {
            tokio::spawn(tokio::time::timeout(RETURN_TIMEOUT, beginning));
            None
        }
    }
}

/// Gives back what the tasks of one runtime have left, as long as there is something. Each runtime has its own: one
/// that is blocked holds up its own connections alone.
struct Reaper<DB: WarmDatabase> {
    warm: Arc<Warm<DB>>,
    runtime: Id,
    has_ended: bool,
}

impl<DB: WarmDatabase> Reaper<DB> {
    const fn new(warm: Arc<Warm<DB>>, runtime: Id) -> Self {
        Self {
            warm,
            runtime,
            has_ended: false,
        }
    }

    async fn run(mut self) {
        while !self.has_ended {
            tokio::time::sleep(IDLE_GRACE).await;
            let unused = {
                let mut state = self.warm.state();
                let is_unused =
                    |entry: &mut Entry<DB>| entry.runtime == self.runtime && entry.left_at.elapsed() >= IDLE_GRACE;
                let unused: Vec<Entry<DB>> = state.warm.extract_if(.., is_unused).collect();
                if state.warm.iter().all(|entry| entry.runtime != self.runtime) {
                    state.reaping.retain(|runtime| *runtime != self.runtime);
                    self.has_ended = true;
                }
                unused
            };
            drop(unused);
        }
    }
}

impl<DB: WarmDatabase> Drop for Reaper<DB> {
    /// Dropped before it has ended, its runtime is at its end, which drops all tasks. Nobody else would ever use or give
    /// back what that runtime has left: its transactions would stay open, and its connections be missing in the pool.
    /// For what stays after this another reaper begins, and is dropped as this one is.
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let left: Vec<Entry<DB>> = {
            let mut state = self.warm.state();
            state.reaping.retain(|runtime| *runtime != self.runtime);
            state
                .warm
                .extract_if(.., |entry| entry.runtime == self.runtime)
                .collect()
        };
        // Not under the lock, which giving back may take.
        drop(left);
    }
}

/// Counts the callers that wait for the pool, also if one stops waiting.
pub(crate) struct Waiting<'w, DB: WarmDatabase>(&'w Warm<DB>);

impl<'w, DB: WarmDatabase> Waiting<'w, DB> {
    pub(crate) fn new(warm: &'w Warm<DB>) -> Self {
        warm.state().waiting += 1;
        Self(warm)
    }
}

impl<DB: WarmDatabase> Drop for Waiting<'_, DB> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

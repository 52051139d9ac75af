//! The connections that stay warm, and what gives them back.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use tokio::runtime::{Handle, Id};

use super::return_in_step::give_back_in_step;
use super::stale::LastChange;
use crate::Mode;
use crate::postgres::fence::watch::FenceWatch;
use crate::strategy::strategy_transaction::Recycler;
use crate::transaction::give_back::{EndState, Pending, close, pending_answers};
use crate::transaction::in_use::{InUse, InUseGuard};
use crate::transaction::tenant_shares::TenantShares;

/// How long an unused connection stays. A transaction that only read, and was dropped, is open for as long.
pub(super) const IDLE_GRACE: Duration = Duration::from_millis(2);

/// How long a connection may stay away from its pool, which replaces those that are old.
const MAX_CHECKOUT: Duration = Duration::from_secs(60);

pub(super) struct Shared {
    pub(super) pool: PgPool,
    /// After which connections from before are not used any more.
    pub(super) last_change: Option<LastChange>,
    /// Whether a transaction may stay open for a moment. Behind a pooler it would hold a connection to the server.
    pub(super) keeps_open: bool,
    /// Whether the database is fenced as the strategy is.
    pub(super) fence: FenceWatch,
    /// How many transactions are under way.
    pub(super) in_use: InUse,
    /// What shares the connections among tenants.
    pub(super) shares: Option<TenantShares>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last used is the last.
    warm: Vec<Entry>,
    /// How many callers wait for the pool, which hands out only what comes back to it.
    waiting: usize,
    /// The runtimes that have a task which gives back what their own tasks left here.
    reaping: Vec<Id>,
    is_closed: bool,
}

/// A connection that stays, with a transaction that is open. Dropped, it goes back to its pool.
pub(super) struct Entry {
    connection: Option<PoolConnection<Postgres>>,
    end: EndState,
    taken_at: Instant,
    left_at: Instant,
    /// The runtime that most likely polls its socket. Another one may be blocked.
    runtime: Id,
}

impl Entry {
    pub(super) const fn taken_at(&self) -> Instant {
        self.taken_at
    }

    pub(super) const fn take(&mut self) -> Option<PoolConnection<Postgres>> {
        self.connection.take()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            give_back_in_step(connection, self.end);
        }
    }
}

impl Shared {
    pub(super) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            last_change: None,
            keeps_open: true,
            fence: FenceWatch::default(),
            in_use: InUse::default(),
            shares: None,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What this runtime used last and is of use.
    pub(super) fn pop(&self) -> Option<Entry> {
        let runtime = Handle::try_current().ok()?.id();
        loop {
            let entry = {
                let mut state = self.state();
                let at = state.warm.iter().rposition(|entry| entry.runtime == runtime)?;
                state.warm.remove(at)
            };
            let is_fresh = |change: &LastChange| change.is_before(entry.taken_at.elapsed());
            if self.last_change.as_ref().is_none_or(is_fresh) {
                return Some(entry);
            }
        }
    }

    /// Takes nothing from now on, and hands out what has stayed.
    pub(super) fn close(&self) -> Vec<Entry> {
        let mut state = self.state();
        state.is_closed = true;
        std::mem::take(&mut state.warm)
    }

    /// Lets a connection stay, or hands it back where it may not.
    fn stay(
        self: &Arc<Self>,
        connection: PoolConnection<Postgres>,
        end: EndState,
        taken_at: Instant,
    ) -> Option<PoolConnection<Postgres>> {
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
pub(super) struct RecycleInto {
    shared: Arc<Shared>,
    mode: Mode,
    taken_at: Instant,
    _in_use: InUseGuard,
}

impl RecycleInto {
    pub(super) fn new(shared: Arc<Shared>, mode: Mode, taken_at: Instant) -> Self {
        let _in_use = shared.in_use.enter();
        Self {
            shared,
            mode,
            taken_at,
            _in_use,
        }
    }
}

impl Recycler<Postgres> for RecycleInto {
    fn take(&self, mut connection: PoolConnection<Postgres>, end: EndState) {
        let may_stay = match end {
            // Only what begins after an open transaction looks at its answer: see `Echo`.
            EndState::Ended => false,
            EndState::Empty => self.shared.keeps_open,
            // One that wrote may hold rows that others wait for: it is rolled back at once.
            EndState::Open => self.mode == Mode::ReadOnly && self.shared.keeps_open,
        };
        if !may_stay || std::thread::panicking() {
            return give_back_in_step(connection, end);
        }
        match pending_answers::<Postgres>(&mut connection) {
            Pending::None => {
                if let Some(connection) = self.shared.stay(connection, end, self.taken_at) {
                    give_back_in_step(connection, end);
                }
            }
            // Nobody who begins a transaction waits for it.
            Pending::StillComing => give_back_in_step(connection, end),
            // An error of the last tenant's query. It is neither returned to the next one nor logged.
            Pending::Failed => close(connection),
        }
    }
}

/// Gives back what the tasks of one runtime have left, as long as there is something. Each runtime has its own: one
/// that is blocked holds up its own connections alone.
struct Reaper {
    shared: Arc<Shared>,
    runtime: Id,
    has_ended: bool,
}

impl Reaper {
    const fn new(shared: Arc<Shared>, runtime: Id) -> Self {
        Self {
            shared,
            runtime,
            has_ended: false,
        }
    }

    async fn run(mut self) {
        while !self.has_ended {
            tokio::time::sleep(IDLE_GRACE).await;
            let unused = {
                let mut state = self.shared.state();
                let is_unused =
                    |entry: &mut Entry| entry.runtime == self.runtime && entry.left_at.elapsed() >= IDLE_GRACE;
                let unused: Vec<Entry> = state.warm.extract_if(.., is_unused).collect();
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

impl Drop for Reaper {
    /// Dropped before it has ended, its runtime is at its end, which drops all tasks. Nobody else would ever use or give
    /// back what that runtime has left: its transactions would stay open, and its connections be missing in the pool.
    /// For what stays after this another reaper begins, and is dropped as this one is.
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let left: Vec<Entry> = {
            let mut state = self.shared.state();
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
pub(super) struct Waiting<'s>(&'s Shared);

impl<'s> Waiting<'s> {
    pub(super) fn new(shared: &'s Shared) -> Self {
        shared.state().waiting += 1;
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

//! A bounded number of open databases.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tenancy_core::names::TenantId;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::tenant_pools::TenantPools;
use crate::StrategyError;

/// The tenants whose databases are open: at most so many, the least recently used closed first.
///
/// One that is in use is never closed; if all are, a caller that needs another waits.
#[derive(Clone, Debug)]
pub(in crate::sqlite) struct OpenPools(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max: usize,
    idle_timeout: Duration,
    wait: Duration,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    is_closed: bool,
    is_swept: bool,
    open: HashMap<TenantId, Slot>,
    /// How many pools of a tenant are not open any more, and not closed yet.
    closing: HashMap<TenantId, usize>,
    /// The tenants whose databases are being removed: nobody opens them meanwhile.
    retired: HashSet<TenantId>,
}

#[derive(Debug)]
struct Slot {
    pools: Arc<TenantPools>,
    leases: usize,
    last_used: Instant,
}

/// Keeps a tenant's database open while a transaction is under way.
#[derive(Debug)]
pub(in crate::sqlite) struct Lease {
    shared: Arc<Shared>,
    tenant: TenantId,
    pools: Arc<TenantPools>,
}

/// Keeps a tenant's database closed until it is dropped.
#[derive(Debug)]
pub(in crate::sqlite) struct Retired {
    shared: Arc<Shared>,
    tenant: TenantId,
}

/// Pools that nobody is given any more, until they are closed.
#[derive(Debug)]
struct Closing {
    shared: Arc<Shared>,
    tenant: TenantId,
    pools: Arc<TenantPools>,
}

impl Closing {
    /// Closes them, also if nobody waits for that.
    fn close(self) -> JoinHandle<()> {
        tokio::spawn(async move { self.pools.close().await })
    }
}

enum Place {
    Taken { lease: Lease, evicted: Option<Closing> },
    AllInUse,
}

impl Lease {
    pub(in crate::sqlite) fn pools(&self) -> &TenantPools {
        &self.pools
    }
}

impl OpenPools {
    pub(in crate::sqlite) fn new(max: usize, idle_timeout: Duration, wait: Duration) -> Self {
        Self(Arc::new(Shared {
            max: max.max(1),
            idle_timeout,
            wait,
            state: Mutex::default(),
            freed: Notify::new(),
        }))
    }

    /// A lease of a tenant's database, which is opened if it is not open.
    pub(in crate::sqlite) async fn lease(
        &self,
        tenant: &TenantId,
        open: impl Fn() -> TenantPools,
    ) -> Result<Lease, StrategyError> {
        self.sweep_in_background();
        let waited = tokio::time::timeout(self.0.wait, self.place(tenant, open)).await;
        let (lease, evicted) = waited.map_err(|_| StrategyError::TooManyInUse { max: self.0.max })??;
        // Its descriptors are free before this one takes new ones.
        if let Some(evicted) = evicted {
            let _ = evicted.close().await;
        }
        Ok(lease)
    }

    async fn place(
        &self,
        tenant: &TenantId,
        open: impl Fn() -> TenantPools,
    ) -> Result<(Lease, Option<Closing>), StrategyError> {
        loop {
            let mut freed = std::pin::pin!(self.0.freed.notified());
            // Registered before the look, so that no freed place is missed.
            freed.as_mut().enable();
            match self.0.take_place(tenant, &open)? {
                Place::Taken { lease, evicted } => return Ok((lease, evicted)),
                Place::AllInUse => freed.await,
            }
        }
    }

    /// Forgets pools of a file that is no more, or is another one.
    pub(in crate::sqlite) fn forget(&self, tenant: &TenantId, is_stale: impl Fn(&TenantPools) -> bool) {
        let mut state = self.0.state();
        if !state.open.get(tenant).is_some_and(|slot| is_stale(&slot.pools)) {
            return;
        }
        let stale = self.0.take_out(&mut state, tenant);
        drop(state);
        self.0.freed.notify_waiters();
        // Transactions that are under way keep their connections; the others close at once.
        drop(stale.map(Closing::close));
    }

    /// Closes a tenant's database once no transaction uses it, waits for what has begun to close before, and keeps it closed.
    ///
    /// SQLite deletes a write-ahead log by its name when the last connection is closed. A connection that outlived
    /// the removal of its file would so delete the log of a file that was made anew.
    ///
    /// # Errors
    ///
    /// [`StrategyError::InUse`] if transactions do not end within the acquire timeout, or another removal is under way.
    pub(in crate::sqlite) async fn retire(&self, tenant: &TenantId) -> Result<Retired, StrategyError> {
        let in_use = || StrategyError::InUse { tenant: tenant.clone() };
        if !self.0.state().retired.insert(tenant.clone()) {
            return Err(in_use());
        }
        let retired = Retired {
            shared: Arc::clone(&self.0),
            tenant: tenant.clone(),
        };
        let closed = tokio::time::timeout(self.0.wait, self.close_unused(tenant)).await;
        closed.map(|()| retired).map_err(|_| in_use())
    }

    async fn close_unused(&self, tenant: &TenantId) {
        loop {
            let mut freed = std::pin::pin!(self.0.freed.notified());
            // Registered before the look, so that no end of a transaction is missed.
            freed.as_mut().enable();
            let unused = {
                let mut state = self.0.state();
                match state.open.get(tenant) {
                    None if !state.closing.contains_key(tenant) => return,
                    Some(slot) if slot.leases == 0 => self.0.take_out(&mut state, tenant),
                    _ => None,
                }
            };
            if let Some(unused) = unused {
                // Its end, like that of the others, is awaited below.
                drop(unused.close());
                self.0.freed.notify_waiters();
            }
            freed.await;
        }
    }

    /// How many tenants' databases are open.
    pub(in crate::sqlite) fn len(&self) -> usize {
        self.0.state().open.len()
    }

    pub(in crate::sqlite) async fn close(&self) {
        let open = {
            let mut state = self.0.state();
            state.is_closed = true;
            std::mem::take(&mut state.open)
        };
        self.0.freed.notify_waiters();
        for slot in open.into_values() {
            slot.pools.close().await;
        }
    }

    #[cfg(test)]
    pub(super) fn is_closing(&self, tenant: &TenantId) -> bool {
        self.0.state().closing.contains_key(tenant)
    }

    fn sweep_in_background(&self) {
        if std::mem::replace(&mut self.0.state().is_swept, true) {
            return;
        }
        let sweeper = Sweeper(Arc::downgrade(&self.0));
        tokio::spawn(sweeper.run(self.0.idle_timeout));
    }
}

/// Closes idle databases until nobody holds the pools any more, or its runtime ends. Then the next transaction, which is
/// another runtime's, has it begin anew.
struct Sweeper(Weak<Shared>);

impl Sweeper {
    async fn run(self, idle_timeout: Duration) {
        let pause = (idle_timeout / 2).max(Duration::from_millis(1));
        loop {
            tokio::time::sleep(pause).await;
            let Some(shared) = self.0.upgrade() else { return };
            let (idle, is_closed) = shared.take_idle();
            shared.freed.notify_waiters();
            for pools in idle {
                let _ = pools.close().await;
            }
            if is_closed {
                return;
            }
        }
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.state().is_swept = false;
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_place(self: &Arc<Self>, tenant: &TenantId, open: impl Fn() -> TenantPools) -> Result<Place, StrategyError> {
        let mut state = self.state();
        if state.is_closed {
            return Err(StrategyError::Closed);
        }
        if state.retired.contains(tenant) {
            return Err(StrategyError::NotProvisioned { tenant: tenant.clone() });
        }
        let mut evicted = None;
        if !state.open.contains_key(tenant) && state.open.len() >= self.max {
            let Some(oldest) = state.least_recently_used() else {
                return Ok(Place::AllInUse);
            };
            evicted = self.take_out(&mut state, &oldest);
        }
        let slot = state.open.entry(tenant.clone()).or_insert_with(|| Slot {
            pools: Arc::new(open()),
            leases: 0,
            last_used: Instant::now(),
        });
        slot.leases += 1;
        let lease = Lease {
            shared: Arc::clone(self),
            tenant: tenant.clone(),
            pools: Arc::clone(&slot.pools),
        };
        Ok(Place::Taken { lease, evicted })
    }

    fn take_idle(self: &Arc<Self>) -> (Vec<Closing>, bool) {
        let mut state = self.state();
        let is_idle = |slot: &Slot| slot.leases == 0 && slot.last_used.elapsed() >= self.idle_timeout;
        let idle = state.open.iter().filter(|(_, slot)| is_idle(slot));
        let idle: Vec<TenantId> = idle.map(|(tenant, _)| tenant.clone()).collect();
        let closing = idle.iter().filter_map(|tenant| self.take_out(&mut state, tenant));
        (closing.collect(), state.is_closed)
    }

    /// Takes a tenant's pools out of those that are open. Until they are closed the tenant counts as one whose files are in use.
    fn take_out(self: &Arc<Self>, state: &mut State, tenant: &TenantId) -> Option<Closing> {
        let slot = state.open.remove(tenant)?;
        *state.closing.entry(tenant.clone()).or_default() += 1;
        Some(Closing {
            shared: Arc::clone(self),
            tenant: tenant.clone(),
            pools: slot.pools,
        })
    }
}

impl State {
    fn least_recently_used(&self) -> Option<TenantId> {
        self.open
            .iter()
            .filter(|(_, slot)| slot.leases == 0)
            .min_by_key(|(_, slot)| slot.last_used)
            .map(|(tenant, _)| tenant.clone())
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if let Some(count) = state.closing.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                state.closing.remove(&self.tenant);
            }
        }
        drop(state);
        self.shared.freed.notify_waiters();
    }
}

impl Drop for Retired {
    fn drop(&mut self) {
        self.shared.state().retired.remove(&self.tenant);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        // The slot may be another's by now, where the file was replaced.
        let own = state
            .open
            .get_mut(&self.tenant)
            .filter(|slot| Arc::ptr_eq(&slot.pools, &self.pools));
        if let Some(slot) = own {
            slot.leases -= 1;
            slot.last_used = Instant::now();
        }
        drop(state);
        self.shared.freed.notify_waiters();
    }
}

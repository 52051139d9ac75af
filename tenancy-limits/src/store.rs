//! The counters of all tenants that are not idle.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use tenancy_core::names::TenantId;

use crate::counters::Counters;
use crate::{LimitExceeded, Limits};

/// How many locks there are, so that threads seldom wait for each other.
const SHARDS: usize = 64;
/// A part with fewer tenants than this is not searched for idle ones.
const FEW: usize = 64;

/// The counters of all tenants that are not idle, and of some that are.
///
/// What is counted of an idle tenant is what a new one begins with, so that it is removed without a loss. A part is
/// searched for idle ones when it has grown to twice of what was left the last time: its size follows the tenants that are
/// busy at a time, at a cost per new tenant that does not grow.
pub(crate) struct Store {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    counters: HashMap<TenantId, Arc<Counters>, RandomState>,
    search_at: usize,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::default(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Counts a request of the tenant. It is counted under the lock, so that it is not removed as idle at the same time.
    pub(crate) fn enter(&self, id: &TenantId, limits: &Limits, now: u64) -> Result<Arc<Counters>, LimitExceeded> {
        let mut shard = self.shard(id);
        if let Some(counters) = shard.counters.get(id) {
            counters.enter(limits, now)?;
            return Ok(Arc::clone(counters));
        }
        if shard.counters.len() >= shard.search_at.max(FEW) {
            shard.remove_idle(now);
        }
        let counters = Arc::<Counters>::default();
        counters.enter(limits, now)?;
        shard.counters.insert(id.clone(), Arc::clone(&counters));
        Ok(counters)
    }

    /// How many tenants are counted.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).counters.len()).sum()
    }

    fn shard(&self, id: &TenantId) -> MutexGuard<'_, Shard> {
        // The remainder is in the array.
        let number = self.hasher.hash_one(id) % SHARDS as u64;
        lock(self.shards.get(number as usize).unwrap_or(&self.shards[0]))
    }
}

impl Shard {
    fn remove_idle(&mut self, now: u64) {
        self.counters.retain(|_, counters| !counters.is_idle(now));
        self.search_at = self.counters.len() * 2;
    }
}

/// A part is whole whenever its lock is given up, also by a panic.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A bound on connections over all tenants. A permit caches the pool that its tenant used last.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;

/// How many permits there are, and for whom.
#[derive(Clone, Copy, Debug)]
pub(in crate::postgres) struct BudgetLimits {
    /// Permits in use and idle ones with a cached value, together.
    pub(in crate::postgres) max: usize,
    /// Permits of one tenant that are in use.
    pub(in crate::postgres) max_per_tenant: usize,
    /// How many callers wait at a time; more are refused at once.
    pub(in crate::postgres) max_waiting: usize,
    /// How long to wait.
    pub(in crate::postgres) timeout: Duration,
}

/// Why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) enum Exhausted {
    /// None became free in time, or too many callers wait already.
    Full,
    /// The budget has been closed.
    Closed,
}

/// A budget of permits, one for each connection.
///
/// What a tenant has used stays cached for it until another tenant needs the permit: the least recently used is evicted
/// first. Callers that wait are served in order, except that nobody waits because another tenant is at its own bound.
pub(in crate::postgres) struct ConnectionBudget<K: Eq + Hash + Clone, V> {
    shared: Arc<Shared<K, V>>,
}

struct Shared<K: Eq + Hash + Clone, V> {
    state: Mutex<State<K, V>>,
    limits: BudgetLimits,
}

struct State<K: Eq + Hash + Clone, V> {
    /// Permits without a cached value.
    free: usize,
    /// Cached values that nobody uses, each of which takes up a permit; the least recently used first.
    idle: VecDeque<(K, V)>,
    in_use: HashMap<K, usize>,
    waiting: VecDeque<Waiting<K, V>>,
    is_closed: bool,
}

struct Waiting<K: Eq + Hash + Clone, V> {
    key: K,
    sender: oneshot::Sender<Permit<K, V>>,
}

enum Found<V> {
    Own(V),
    Free,
    Others(V),
}

impl<K: Eq + Hash + Clone, V> ConnectionBudget<K, V> {
    pub(in crate::postgres) fn new(limits: BudgetLimits) -> Self {
        let limits = BudgetLimits {
            max: limits.max.max(1),
            max_per_tenant: limits.max_per_tenant.max(1),
            ..limits
        };
        let state = State {
            free: limits.max,
            idle: VecDeque::new(),
            in_use: HashMap::new(),
            waiting: VecDeque::new(),
            is_closed: false,
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                limits,
            }),
        }
    }

    pub(in crate::postgres) fn limits(&self) -> BudgetLimits {
        self.shared.limits
    }

    /// Takes a permit for a tenant, with what is cached for the tenant if anything is.
    ///
    /// A future that is dropped while it waits takes none.
    pub(in crate::postgres) async fn take(&self, key: &K) -> Result<Permit<K, V>, Exhausted> {
        let receiver = {
            let mut state = self.shared.state();
            if state.is_closed {
                return Err(Exhausted::Closed);
            }
            if let Some(found) = state.find(key, self.shared.limits) {
                return Ok(self.shared.permit(key.clone(), found));
            }
            // Callers that have given up waiting do not count.
            state.waiting.retain(|waiting| !waiting.sender.is_closed());
            if state.waiting.len() >= self.shared.limits.max_waiting {
                return Err(Exhausted::Full);
            }
            let (sender, receiver) = oneshot::channel();
            let key = key.clone();
            state.waiting.push_back(Waiting { key, sender });
            receiver
        };
        match tokio::time::timeout(self.shared.limits.timeout, receiver).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Exhausted::Closed),
            Err(_) => Err(Exhausted::Full),
        }
    }

    /// Takes out what is cached for a tenant and not in use.
    pub(in crate::postgres) fn forget(&self, key: &K) -> Vec<V> {
        let (forgotten, served) = {
            let mut state = self.shared.state();
            let idle = std::mem::take(&mut state.idle);
            let (forgotten, others): (Vec<_>, Vec<_>) = idle.into_iter().partition(|(other, _)| other == key);
            state.idle = others.into();
            state.free += forgotten.len();
            (forgotten, self.shared.serve(&mut state))
        };
        deliver(served);
        forgotten.into_iter().map(|(_, value)| value).collect()
    }

    /// Takes out everything that is cached and not in use. No permit is given from now on.
    pub(in crate::postgres) fn close(&self) -> Vec<V> {
        let mut state = self.shared.state();
        state.is_closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        let idle = std::mem::take(&mut state.idle);
        state.free += idle.len();
        drop(state);
        drop(waiting);
        idle.into_iter().map(|(_, value)| value).collect()
    }
}

impl<K: Eq + Hash + Clone, V> State<K, V> {
    fn find(&mut self, key: &K, limits: BudgetLimits) -> Option<Found<V>> {
        if self
            .in_use
            .get(key)
            .is_some_and(|count| *count >= limits.max_per_tenant)
        {
            return None;
        }
        // The last that was used is the most likely to be warm.
        let own = self.idle.iter().rposition(|(other, _)| other == key);
        let found = if let Some((_, value)) = own.and_then(|at| self.idle.remove(at)) {
            Found::Own(value)
        } else if let Some(fewer) = self.free.checked_sub(1) {
            self.free = fewer;
            Found::Free
        } else {
            Found::Others(self.idle.pop_front()?.1)
        };
        *self.in_use.entry(key.clone()).or_insert(0) += 1;
        Some(found)
    }
}

type Served<K, V> = Vec<(oneshot::Sender<Permit<K, V>>, Permit<K, V>)>;

impl<K: Eq + Hash + Clone, V> Shared<K, V> {
    fn state(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn permit(self: &Arc<Self>, key: K, found: Found<V>) -> Permit<K, V> {
        let (cached, evicted) = match found {
            Found::Own(value) => (Some(value), None),
            Found::Free => (None, None),
            Found::Others(value) => (None, Some(value)),
        };
        let shared = Arc::clone(self);
        Permit {
            key,
            cached,
            evicted,
            shared,
        }
    }

    fn put_back(self: &Arc<Self>, key: &K, cached: Option<V>) {
        let served = {
            let mut state = self.state();
            if let Some(count) = state.in_use.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    state.in_use.remove(key);
                }
            }
            match cached {
                Some(value) if !state.is_closed => state.idle.push_back((key.clone(), value)),
                _ => state.free += 1,
            }
            self.serve(&mut state)
        };
        deliver(served);
    }

    /// Finds permits for the callers that wait, in their order.
    fn serve(self: &Arc<Self>, state: &mut State<K, V>) -> Served<K, V> {
        let mut served = Vec::new();
        let mut at = 0;
        while state.free > 0 || !state.idle.is_empty() {
            let Some(waiting) = state.waiting.get(at) else { break };
            let key = waiting.key.clone();
            if waiting.sender.is_closed() {
                state.waiting.remove(at);
            } else if let Some(found) = state.find(&key, self.limits) {
                let permit = self.permit(key, found);
                served.extend(state.waiting.remove(at).map(|waiting| (waiting.sender, permit)));
            } else {
                at += 1;
            }
        }
        served
    }
}

/// Sends the permits. Never under the lock, which is taken again if a caller has stopped waiting and its permit comes
/// back.
fn deliver<K: Eq + Hash + Clone, V>(served: Served<K, V>) {
    for (sender, permit) in served {
        let _ = sender.send(permit);
    }
}

/// The right to use one connection. When it is dropped, what it caches stays available to the same tenant.
pub(in crate::postgres) struct Permit<K: Eq + Hash + Clone, V> {
    key: K,
    cached: Option<V>,
    evicted: Option<V>,
    shared: Arc<Shared<K, V>>,
}

impl<K: Eq + Hash + Clone, V> Permit<K, V> {
    /// What is cached for the tenant.
    pub(in crate::postgres) const fn cached(&self) -> Option<&V> {
        self.cached.as_ref()
    }

    pub(in crate::postgres) fn cache(&mut self, value: V) {
        self.cached = Some(value);
    }

    /// Takes the cached value out, so that nothing stays cached.
    pub(in crate::postgres) fn take_cached(&mut self) -> Option<V> {
        self.cached.take()
    }

    /// What was cached for another tenant. The caller closes it before it connects.
    pub(in crate::postgres) fn take_evicted(&mut self) -> Option<V> {
        self.evicted.take()
    }
}

impl<K: Eq + Hash + Clone, V> Drop for Permit<K, V> {
    fn drop(&mut self) {
        self.shared.put_back(&self.key, self.cached.take());
    }
}

#[cfg(test)]
#[path = "connection_budget_tests.rs"]
mod tests;

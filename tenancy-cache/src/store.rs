//! What every cache here is made of: answers that expire, and one query at a time for each key (single flight).

use std::cell::RefMut;
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use tokio::sync::watch;

use crate::CacheLimits;
use crate::thread_local_cache::ThreadLocalCache;

/// A value of which a thread can have a copy of its own.
pub(crate) trait Unshare {
    /// A copy that shares no reference count with the original, so that threads do not contend for one.
    fn unshare(&self) -> Self;
}

/// An answer: a value, or the knowledge that there is none.
pub(crate) type Answer<V, E> = Result<Option<V>, Arc<E>>;

/// Where those who wait for a query receive its answer.
type Waiter<V, E> = watch::Receiver<Option<Answer<V, E>>>;

/// A bounded cache. Hits and misses are stored apart, so that a flood of misses evicts no hit.
pub(crate) struct Store<K, V, E>
where
    K: Send + Sync,
    V: Send + Sync,
{
    hits: Cache<K, Arc<Hit<K, V>>>,
    misses: Cache<K, Expiry>,
    /// The hits that a thread finds often, for each thread.
    thread_local: ThreadLocalCache<Arc<Hit<K, V>>>,
    /// How often something was forgotten. Readers load this before they read `hits`; [`forget`](Self::forget) increments
    /// it after it has removed from them. An entry that was copied into a thread's cache before an invalidation
    /// therefore carries an old generation and is ignored.
    generation: AtomicU64,
    /// The queries that are under way. Locked while an answer is stored and while something is forgotten, so that no
    /// answer that was read before an invalidation is stored after it.
    in_flight: Mutex<InFlight<K, V, E>>,
    limits: CacheLimits,
}

struct Hit<K, V> {
    key: K,
    value: V,
    expiry: Expiry,
}

impl<K: Clone, V: Unshare> Hit<K, V> {
    fn unshare(&self) -> Arc<Self> {
        Arc::new(Self {
            key: self.key.clone(),
            value: self.value.unshare(),
            expiry: self.expiry,
        })
    }
}

/// A cached value, borrowed from the cache of this thread or counted in the shared one.
pub(crate) struct CachedRef<'s, K, V>(Source<'s, K, V>);

enum Source<'s, K, V> {
    ThreadLocal(RefMut<'s, Arc<Hit<K, V>>>),
    Shared(Arc<Hit<K, V>>),
}

impl<K, V> Deref for CachedRef<'_, K, V> {
    type Target = V;

    fn deref(&self) -> &V {
        match &self.0 {
            Source::ThreadLocal(hit) => &hit.value,
            Source::Shared(hit) => &hit.value,
        }
    }
}

/// When an answer expires; `None` for one that outlives every time that the clock can name.
#[derive(Clone, Copy)]
struct Expiry(Option<Instant>);

impl Expiry {
    /// The clock may be behind by `resolution`, so the answer expires by that much earlier, and is never served late.
    fn after(queried_at: Instant, time_to_live: Duration, resolution: Duration) -> Self {
        Self(queried_at.checked_add(time_to_live.saturating_sub(resolution)))
    }

    fn is_ahead(self, now: Instant) -> bool {
        self.0.is_none_or(|expiry| now < expiry)
    }
}

/// The queries that are under way. Each is made by the caller that needed its answer first.
struct InFlight<K, V, E> {
    /// By key: the query's number, and where its answer will be received.
    queries: HashMap<K, (u64, Waiter<V, E>)>,
    last_number: u64,
}

impl<K, V, E> Store<K, V, E>
where
    K: Clone + Eq + Hash + Send + Sync,
    V: Clone + Unshare + Send + Sync,
{
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self {
            hits: Cache::new(limits.capacity),
            misses: Cache::new(limits.miss_capacity),
            thread_local: ThreadLocalCache::new(),
            generation: AtomicU64::new(0),
            in_flight: Mutex::new(InFlight {
                queries: HashMap::new(),
                last_number: 0,
            }),
            limits,
        }
    }

    pub(crate) const fn limits(&self) -> &CacheLimits {
        &self.limits
    }

    /// The answer, if it is cached and has not expired.
    pub(crate) fn cached<Q: Hash + Equivalent<K>>(&self, key: &Q) -> Option<Option<V>> {
        Some(self.cached_ref(key)?.map(|value| V::clone(&value)))
    }

    /// As [`cached`](Self::cached), without a copy of the value.
    pub(crate) fn cached_ref<Q: Hash + Equivalent<K>>(&self, key: &Q) -> Option<Option<CachedRef<'_, K, V>>> {
        let now = self.limits.clock.now();
        let (hash, generation) = (self.thread_local.hash(key), self.generation.load(Ordering::Acquire));
        let is_match = |hit: &Arc<Hit<K, V>>| key.equivalent(&hit.key) && hit.expiry.is_ahead(now);
        if let Some(hit) = self.thread_local.find(hash, generation, is_match, |hit| hit.unshare()) {
            return Some(Some(CachedRef(Source::ThreadLocal(hit))));
        }
        match self.hits.get(key) {
            Some(hit) if hit.expiry.is_ahead(now) => {
                self.thread_local.insert(hash, generation, Arc::clone(&hit));
                return Some(Some(CachedRef(Source::Shared(hit))));
            }
            _ => {}
        }
        match self.misses.get(key) {
            Some(expiry) if expiry.is_ahead(now) => Some(None),
            _ => None,
        }
    }

    /// The answer, from the cache or by a query. Callers that need it while the query is under way wait for the same
    /// answer, also if that is an error. If the caller that queries is dropped, one that waits takes over.
    ///
    /// An error is not cached. A value for which `is_cacheable` is false goes to the caller that queried, and to nobody
    /// else: the others query again, each for itself.
    pub(crate) async fn get_or_query<F>(
        &self,
        key: &K,
        query: impl Fn() -> F,
        is_cacheable: impl Fn(&V) -> bool,
    ) -> Answer<V, E>
    where
        F: Future<Output = Result<Option<V>, E>>,
    {
        loop {
            let mut waiter = match self.join(key) {
                Joined::Cached(answer) => return Ok(answer),
                Joined::First(flight) => {
                    let answer = query().await.map_err(Arc::new);
                    flight.finish(&answer, is_cacheable);
                    return answer;
                }
                Joined::Waiting(waiter) => waiter,
            };
            if let Ok(answer) = waiter.wait_for(Option::is_some).await
                && let Some(answer) = &*answer
            {
                return answer.clone();
            }
        }
    }

    fn join(&self, key: &K) -> Joined<'_, K, V, E> {
        let mut in_flight = self.in_flight();
        // The query may have been answered since the caller last looked into the cache.
        if let Some(answer) = self.cached(key) {
            return Joined::Cached(answer);
        }
        if let Some((_, waiter)) = in_flight.queries.get(key) {
            return Joined::Waiting(waiter.clone());
        }
        let (sender, waiter) = watch::channel(None);
        in_flight.last_number += 1;
        let number = in_flight.last_number;
        in_flight.queries.insert(key.clone(), (number, waiter));
        Joined::First(Flight {
            store: self,
            key: key.clone(),
            number,
            queried_at: self.limits.clock.now(),
            sender,
        })
    }

    /// Forgets the hits that are `stale`, and the misses of keys that may be `known` now. The answer of a query that is under way now is not stored when
    /// it comes, and callers from now on do not wait for it: it may have been read before the change.
    pub(crate) fn forget(&self, stale: impl Fn(&K, &V) -> bool, known: impl Fn(&K) -> bool) {
        let mut in_flight = self.in_flight();
        in_flight.queries.clear();
        self.hits.retain(|key, hit| !stale(key, &hit.value));
        self.misses.retain(|key, _| !known(key));
        self.generation.fetch_add(1, Ordering::Release);
    }
}

impl<K: Send + Sync, V: Send + Sync, E> Store<K, V, E> {
    fn in_flight(&self) -> MutexGuard<'_, InFlight<K, V, E>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Joined<'s, K, V, E>
where
    K: Eq + Hash + Send + Sync,
    V: Send + Sync,
{
    Cached(Option<V>),
    First(Flight<'s, K, V, E>),
    Waiting(Waiter<V, E>),
}

/// One query under way: the right to make it, and the duty to hand its answer to those who wait.
struct Flight<'s, K, V, E>
where
    K: Eq + Hash + Send + Sync,
    V: Send + Sync,
{
    store: &'s Store<K, V, E>,
    key: K,
    number: u64,
    /// The answer's time to live begins here: the answer may be as old as its query.
    queried_at: Instant,
    sender: watch::Sender<Option<Answer<V, E>>>,
}

impl<K, V, E> Flight<'_, K, V, E>
where
    K: Clone + Eq + Hash + Send + Sync,
    V: Clone + Send + Sync,
{
    fn finish(&self, answer: &Answer<V, E>, is_cacheable: impl Fn(&V) -> bool) {
        let Store {
            hits, misses, limits, ..
        } = self.store;
        if matches!(answer, Ok(Some(value)) if !is_cacheable(value)) {
            return;
        }
        let in_flight = self.store.in_flight();
        if self.is_current(&in_flight) {
            match answer {
                Ok(Some(value)) => {
                    let hit = Hit {
                        key: self.key.clone(),
                        value: value.clone(),
                        expiry: self.expiry(limits.time_to_live),
                    };
                    hits.insert(self.key.clone(), Arc::new(hit));
                }
                Ok(None) => misses.insert(self.key.clone(), self.expiry(limits.miss_time_to_live)),
                Err(_) => {}
            }
        }
        drop(in_flight);
        self.sender.send_replace(Some(answer.clone()));
    }
}

impl<K: Eq + Hash + Send + Sync, V: Send + Sync, E> Flight<'_, K, V, E> {
    fn expiry(&self, time_to_live: Duration) -> Expiry {
        Expiry::after(self.queried_at, time_to_live, self.store.limits.clock.resolution())
    }

    /// Whether nothing has been forgotten since the query began.
    fn is_current(&self, in_flight: &InFlight<K, V, E>) -> bool {
        let current = in_flight.queries.get(&self.key);
        current.is_some_and(|(number, _)| *number == self.number)
    }
}

impl<K, V, E> Drop for Flight<'_, K, V, E>
where
    K: Eq + Hash + Send + Sync,
    V: Send + Sync,
{
    /// The query is no longer under way. If it ends without an answer, the callers that wait see the sender go, and one
    /// of them queries.
    fn drop(&mut self) {
        let mut in_flight = self.store.in_flight();
        if self.is_current(&in_flight) {
            in_flight.queries.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests;

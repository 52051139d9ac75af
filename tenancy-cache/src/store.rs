//! What every cache here is made of: answers that expire, and one query at a time for each key (single flight).

mod cacheable;
mod expiry;
mod flights;
mod forgotten;
mod index;
mod query;
mod tables;

use std::cell::RefMut;
use std::hash::{BuildHasher, Hash};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;
use quick_cache::Equivalent;

pub(crate) use self::cacheable::{Matches, Scope, Unshare};
use self::expiry::Timer;
use self::flights::Flights;
use self::index::Index;
use self::tables::{Hit, Tables};
use crate::CacheLimits;
use crate::generations::{Generations, Stripes};
use crate::group::{Grouped, KeyHash};
use crate::lookups::{Lookup, Lookups};
use crate::thread_local_cache::ThreadLocalCache;

/// A bounded cache. Hits and misses are stored apart, so that a flood of misses evicts no hit.
pub(crate) struct Store<K, V, S, E>
where
    K: Send + Sync,
    V: Send + Sync,
{
    hasher: RandomState,
    tables: Tables<K, V>,
    /// The hits that a thread finds often, for each thread.
    thread_local: ThreadLocalCache<Hit<V>>,
    /// Which copies in the caches of threads are out of date. Readers load the current generation before they read
    /// `tables`; [`forget`](Self::forget) begins a new one after it has removed from them. An entry that was copied into a
    /// thread's cache before an invalidation therefore carries an old generation and is ignored.
    generations: Generations,
    /// The invalidation since which misses count. Older ones may be names that are known now.
    misses_since: AtomicU64,
    /// Locked while an answer is stored and while something is forgotten, so that no answer that was read before an
    /// invalidation is stored after it.
    state: Mutex<State<K, V, S, E>>,
    timer: Timer,
    limits: CacheLimits,
    lookups: Lookups,
}

struct State<K, V, S, E> {
    flights: Flights<K, V, S, E>,
    /// The keys of all groups that are in the tables.
    index: Index,
}

/// A value that is cached. While the reference is alive, the thread that holds it finds nothing else in its own cache.
pub(crate) struct CachedRef<'a, V>(Source<'a, V>);

enum Source<'a, V> {
    ThreadLocal(RefMut<'a, Hit<V>>),
    Shared(Hit<V>),
}

impl<V> Deref for CachedRef<'_, V> {
    type Target = V;

    fn deref(&self) -> &V {
        match &self.0 {
            Source::ThreadLocal(hit) => &hit.value,
            Source::Shared(hit) => &hit.value,
        }
    }
}

impl<K, V, S, E> Store<K, V, S, E>
where
    K: Clone + Eq + Hash + Grouped + Matches<V> + Send + Sync,
    V: Clone + Grouped + Unshare + Send + Sync,
    S: Scope<K, V>,
{
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self {
            hasher: RandomState::default(),
            tables: Tables::new(&limits),
            thread_local: ThreadLocalCache::new(),
            generations: Generations::new(),
            misses_since: AtomicU64::new(0),
            state: Mutex::new(State {
                flights: Flights::new(),
                index: Index::default(),
            }),
            timer: Timer::new(&limits),
            limits,
            lookups: Lookups::default(),
        }
    }

    /// Adds to the counters of this cache how look-ups were answered since the last time.
    #[cfg(feature = "metrics")]
    pub(crate) fn record_metrics(&self, cache: &'static str) {
        self.lookups.record(cache);
    }

    pub(crate) const fn limits(&self) -> &CacheLimits {
        &self.limits
    }

    fn hash(&self, key: &(impl Hash + ?Sized)) -> KeyHash {
        KeyHash(self.hasher.hash_one(key))
    }

    /// The answer, if it is cached and has not expired.
    pub(crate) fn cached<Q>(&self, key: &Q) -> Option<Option<V>>
    where
        Q: Hash + Equivalent<K> + Matches<V>,
    {
        Some(self.cached_ref(key)?.map(|value| V::clone(&value)))
    }

    /// The value that was stored last, also if it has expired, unless it was forgotten or had to make room.
    #[cfg(feature = "settings")]
    pub(crate) fn last_stored<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Matches<V>,
    {
        let hit = self.tables.hit(self.hash(key));
        hit.filter(|hit| key.matches(&hit.value)).map(|hit| hit.value)
    }

    /// As [`cached`](Self::cached), without a copy of the value.
    pub(crate) fn cached_ref<Q>(&self, key: &Q) -> Option<Option<CachedRef<'_, V>>>
    where
        Q: Hash + Equivalent<K> + Matches<V>,
    {
        let (now, hash) = (self.timer.now(&self.limits), self.hash(key));
        let is_match = |hit: &Hit<V>| hit.expiry.is_ahead(now) && key.matches(&hit.value);
        if let Some(hit) = self.thread_local.find(hash, &self.generations, is_match, Hit::unshare) {
            self.lookups.count(Lookup::Thread);
            return Some(Some(CachedRef(Source::ThreadLocal(hit))));
        }
        let generation = self.generations.current();
        if let Some(hit) = self.tables.hit(hash).filter(is_match) {
            self.thread_local.offer(hash, generation, &self.generations, || {
                (hit.clone(), Stripes::new(hash, &hit.value.groups(&self.hasher)))
            });
            self.lookups.count(Lookup::Shared);
            return Some(Some(CachedRef(Source::Shared(hit))));
        }
        let miss = self.tables.miss(hash, key)?;
        let is_current = miss.stored_after >= self.misses_since.load(Ordering::Acquire);
        (is_current && miss.expiry.is_ahead(now)).then(|| {
            self.lookups.count(Lookup::Negative);
            None
        })
    }

    /// Forgets the answers of a scope. The answer of a query that is under way now is not stored when it comes if the scope
    /// covers it, and callers from now on do not get it: it may have been read before the change.
    ///
    /// Returns how many keys it has looked at; everything is none.
    pub(crate) fn forget(&self, scope: S) -> usize {
        let mut guard = self.state();
        let state = &mut *guard;
        let Some(group) = scope.group(&self.hasher) else {
            self.tables.clear();
            state.index.clear();
            let number = state.flights.forget(scope);
            self.generations.forget_all(number);
            return 0;
        };
        let names: Vec<_> = scope.names().map(|name| self.hash(&name)).collect();
        let mut keys: Vec<_> = state.index.keys(group).chain(names.iter().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        // Dropped when the lock is no longer held: what a directory's entries do then is their own affair.
        let mut removed = Vec::new();
        for &key in &keys {
            let is_named = names.contains(&key);
            let hit = self
                .tables
                .remove_hit(key, |value| is_named || scope.covers_value(value));
            if let Some(hit) = hit {
                state.index.remove(&hit.value.groups(&self.hasher), key);
                removed.push(hit);
            }
            if let Some(miss) = self.tables.remove_miss(key) {
                state.index.remove(&miss.groups(&self.hasher), key);
            }
        }
        let covers_all_misses = scope.covers_all_misses();
        let number = state.flights.forget(scope);
        if covers_all_misses {
            self.misses_since.store(number, Ordering::Release);
        }
        self.generations.forget(number, group, names);
        drop(guard);
        keys.len()
    }
}

impl<K: Send + Sync, V: Send + Sync, S, E> Store<K, V, S, E> {
    fn state(&self) -> MutexGuard<'_, State<K, V, S, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

//! How an answer that is not cached is queried: once for all that need it, and stored unless it has been forgotten since.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use quick_cache::Equivalent;

use super::cacheable::{Answer, Matches, Scope, Unshare};
use super::flights::{Ticket, Waiter};
use super::tables::{Hit, Miss};
use super::{State, Store};
use crate::group::Grouped;
use crate::lookups::Lookup;

impl<K, V, S, E> Store<K, V, S, E>
where
    K: Clone + Eq + Hash + Grouped + Matches<V> + Send + Sync,
    V: Clone + Grouped + Unshare + Send + Sync,
    S: Scope<K, V>,
{
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
        K: Equivalent<K>,
        F: Future<Output = Result<Option<V>, E>>,
    {
        loop {
            let waiter = match self.join(key) {
                Joined::Cached(answer) => return Ok(answer),
                Joined::First(flight) => {
                    let answer = query().await.map_err(Arc::new);
                    flight.finish(&answer, is_cacheable);
                    return answer;
                }
                Joined::Waiting(waiter) => waiter,
            };
            if let Some(answer) = waiter.answer().await {
                return answer;
            }
        }
    }

    fn join(&self, key: &K) -> Joined<'_, K, V, S, E> {
        let mut state = self.state();
        // The query may have been answered since the caller last looked into the cache.
        if let Some(answer) = self.cached(key) {
            return Joined::Cached(answer);
        }
        if let Some(waiter) = state.flights.join(key) {
            self.lookups.count(Lookup::Waited);
            return Joined::Waiting(waiter);
        }
        self.lookups.count(Lookup::Queried);
        Joined::First(Flight {
            store: self,
            key: key.clone(),
            queried_at: self.limits.clock.now(),
            ticket: state.flights.begin(key),
        })
    }
}

enum Joined<'s, K, V, S, E>
where
    K: Clone + Eq + Hash + Send + Sync,
    V: Send + Sync,
    S: Scope<K, V>,
{
    Cached(Option<V>),
    First(Flight<'s, K, V, S, E>),
    Waiting(Waiter<V, E>),
}

/// One query under way.
struct Flight<'s, K, V, S, E>
where
    K: Clone + Eq + Hash + Send + Sync,
    V: Send + Sync,
    S: Scope<K, V>,
{
    store: &'s Store<K, V, S, E>,
    key: K,
    /// The answer's time to live begins here: the answer may be as old as its query.
    queried_at: Instant,
    ticket: Ticket<V, E>,
}

impl<K, V, S, E> Flight<'_, K, V, S, E>
where
    K: Clone + Eq + Hash + Grouped + Matches<V> + Send + Sync,
    V: Clone + Grouped + Unshare + Send + Sync,
    S: Scope<K, V>,
{
    fn finish(self, answer: &Answer<V, E>, is_cacheable: impl Fn(&V) -> bool) {
        if matches!(answer, Ok(Some(value)) if !is_cacheable(value)) {
            return;
        }
        let mut state = self.store.state();
        let forgotten = match answer {
            Ok(value) => {
                let covers = |scope: &S| scope.covers(&self.key, value.as_ref());
                state.flights.forgotten.first_since(self.ticket.began, covers)
            }
            Err(_) => None,
        };
        let evicted = match answer {
            Ok(value) if forgotten.is_none() && self.is_newest(&state) => Some(self.store_answer(&mut state, value)),
            _ => None,
        };
        self.ticket.sender.send_replace(Some((answer.clone(), forgotten)));
        state.flights.close(&self.key, &self.ticket);
        drop(state);
        drop(evicted);
    }

    /// Whether no answer of a query that began later is stored, or will be.
    fn is_newest(&self, state: &State<K, V, S, E>) -> bool {
        let Self { key, ticket, store, .. } = self;
        state.flights.is_joinable(key, ticket)
            || !state.flights.is_overtaken(key, ticket) && !store.tables.has(store.hash(key), key)
    }

    /// Returns what had to make room, to be dropped when the lock is no longer held.
    fn store_answer(&self, state: &mut State<K, V, S, E>, value: &Option<V>) -> Vec<Hit<V>> {
        let Store {
            tables,
            limits,
            hasher,
            timer,
            ..
        } = self.store;
        let hash = self.store.hash(&self.key);
        let Some(value) = value else {
            let miss = Miss {
                expiry: timer.expiry(self.queried_at, limits.miss_time_to_live, limits),
                stored_after: state.flights.forgotten.latest(),
            };
            let replaced = tables.remove_hit(hash, |_| true);
            if let Some(hit) = &replaced {
                state.index.remove(&hit.value.groups(hasher), hash);
            }
            state.index.insert(&self.key.groups(hasher), hash);
            for (evicted, key) in tables.insert_miss(hash, self.key.clone(), miss) {
                state.index.remove(&key.groups(hasher), evicted);
            }
            return replaced.into_iter().collect();
        };
        let hit = Hit {
            value: value.clone(),
            expiry: timer.expiry(self.queried_at, limits.time_to_live, limits),
        };
        if let Some(key) = tables.remove_miss(hash) {
            state.index.remove(&key.groups(hasher), hash);
        }
        let replaced = tables.hit(hash);
        if let Some(hit) = &replaced {
            state.index.remove(&hit.value.groups(hasher), hash);
        }
        state.index.insert(&value.groups(hasher), hash);
        let evicted = tables.insert_hit(hash, hit);
        for (evicted, hit) in &evicted {
            state.index.remove(&hit.value.groups(hasher), *evicted);
        }
        evicted.into_iter().map(|(_, hit)| hit).chain(replaced).collect()
    }
}

impl<K, V, S, E> Drop for Flight<'_, K, V, S, E>
where
    K: Clone + Eq + Hash + Send + Sync,
    V: Send + Sync,
    S: Scope<K, V>,
{
    /// The query is no longer under way. If it ends without an answer, the callers that wait see the sender go, and one
    /// of them queries.
    fn drop(&mut self) {
        self.store.state().flights.end(&self.key, &self.ticket);
    }
}

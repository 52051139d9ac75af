//! A bounded number of places, each of which keeps what one tenant uses.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;

/// How many places there are, and for whom.
#[derive(Clone, Copy, Debug)]
pub(in crate::postgres) struct PlaceLimits {
    /// Places in use and kept together, at all times.
    pub(in crate::postgres) max: usize,
    /// Places of one tenant that are in use.
    pub(in crate::postgres) max_per_tenant: usize,
    /// Who waits at a time; more are refused at once.
    pub(in crate::postgres) max_waiting: usize,
    /// How long to wait.
    pub(in crate::postgres) timeout: Duration,
}

/// No place was free in time, or too many wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) enum NoPlace {
    Full,
    Closed,
}

/// The places. What a tenant has used is kept for it until another tenant needs the place: the least
/// recently used goes first. Who waits is served in order, but that nobody waits for another tenant's bound.
pub(in crate::postgres) struct Places<K: Eq + Hash + Clone, V> {
    shared: Arc<Shared<K, V>>,
}

struct Shared<K: Eq + Hash + Clone, V> {
    state: Mutex<State<K, V>>,
    limits: PlaceLimits,
}

struct State<K: Eq + Hash + Clone, V> {
    /// Places that keep nothing.
    free: usize,
    /// Places that nobody uses, the least recently used first.
    idle: VecDeque<(K, V)>,
    in_use: HashMap<K, usize>,
    waiting: VecDeque<Waiting<K, V>>,
    is_closed: bool,
}

struct Waiting<K: Eq + Hash + Clone, V> {
    key: K,
    tell: oneshot::Sender<Place<K, V>>,
}

enum Found<V> {
    Own(V),
    Free,
    Others(V),
}

impl<K: Eq + Hash + Clone, V> Places<K, V> {
    pub(in crate::postgres) fn new(limits: PlaceLimits) -> Self {
        let limits = PlaceLimits {
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

    pub(in crate::postgres) fn limits(&self) -> PlaceLimits {
        self.shared.limits
    }

    /// A place for a tenant: with what it has kept for it, else an empty one. Dropped while it waits, it
    /// takes none.
    pub(in crate::postgres) async fn take(&self, key: &K) -> Result<Place<K, V>, NoPlace> {
        let told = {
            let mut state = self.shared.state();
            if state.is_closed {
                return Err(NoPlace::Closed);
            }
            if let Some(found) = state.find(key, self.shared.limits) {
                return Ok(self.shared.place(key.clone(), found));
            }
            // Who has given up waiting is in nobody's way.
            state.waiting.retain(|waiting| !waiting.tell.is_closed());
            if state.waiting.len() >= self.shared.limits.max_waiting {
                return Err(NoPlace::Full);
            }
            let (tell, told) = oneshot::channel();
            let key = key.clone();
            state.waiting.push_back(Waiting { key, tell });
            told
        };
        match tokio::time::timeout(self.shared.limits.timeout, told).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(NoPlace::Closed),
            Err(_) => Err(NoPlace::Full),
        }
    }

    /// Takes out what is kept for a tenant and not in use.
    pub(in crate::postgres) fn forget(&self, key: &K) -> Vec<V> {
        let (forgotten, told) = {
            let mut state = self.shared.state();
            let idle = std::mem::take(&mut state.idle);
            let (forgotten, kept): (Vec<_>, Vec<_>) = idle.into_iter().partition(|(other, _)| other == key);
            state.idle = kept.into();
            state.free += forgotten.len();
            (forgotten, self.shared.serve(&mut state))
        };
        tell(told);
        forgotten.into_iter().map(|(_, value)| value).collect()
    }

    /// Takes out all that is kept and not in use, and hands out no place from now on.
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
    fn find(&mut self, key: &K, limits: PlaceLimits) -> Option<Found<V>> {
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

type Told<K, V> = Vec<(oneshot::Sender<Place<K, V>>, Place<K, V>)>;

impl<K: Eq + Hash + Clone, V> Shared<K, V> {
    fn state(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn place(self: &Arc<Self>, key: K, found: Found<V>) -> Place<K, V> {
        let (kept, stale) = match found {
            Found::Own(value) => (Some(value), None),
            Found::Free => (None, None),
            Found::Others(value) => (None, Some(value)),
        };
        let shared = Arc::clone(self);
        Place {
            key,
            kept,
            stale,
            shared,
        }
    }

    fn put_back(self: &Arc<Self>, key: &K, kept: Option<V>) {
        let told = {
            let mut state = self.state();
            if let Some(count) = state.in_use.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    state.in_use.remove(key);
                }
            }
            match kept {
                Some(value) if !state.is_closed => state.idle.push_back((key.clone(), value)),
                _ => state.free += 1,
            }
            self.serve(&mut state)
        };
        tell(told);
    }

    /// Places for those who wait, in their order.
    fn serve(self: &Arc<Self>, state: &mut State<K, V>) -> Told<K, V> {
        let mut told = Vec::new();
        let mut at = 0;
        while state.free > 0 || !state.idle.is_empty() {
            let Some(waiting) = state.waiting.get(at) else { break };
            let key = waiting.key.clone();
            if waiting.tell.is_closed() {
                state.waiting.remove(at);
            } else if let Some(found) = state.find(&key, self.limits) {
                let place = self.place(key, found);
                told.extend(state.waiting.remove(at).map(|waiting| (waiting.tell, place)));
            } else {
                at += 1;
            }
        }
        told
    }
}

/// Outside of the lock: the place of one who has stopped waiting comes back.
fn tell<K: Eq + Hash + Clone, V>(told: Told<K, V>) {
    for (tell, place) in told {
        let _ = tell.send(place);
    }
}

/// A place that is in use. Dropped, it keeps what it was given, for the same tenant.
pub(in crate::postgres) struct Place<K: Eq + Hash + Clone, V> {
    key: K,
    kept: Option<V>,
    stale: Option<V>,
    shared: Arc<Shared<K, V>>,
}

impl<K: Eq + Hash + Clone, V> Place<K, V> {
    /// What it keeps for the tenant.
    pub(in crate::postgres) const fn kept(&self) -> Option<&V> {
        self.kept.as_ref()
    }

    pub(in crate::postgres) fn keep(&mut self, value: V) {
        self.kept = Some(value);
    }

    /// Keeps nothing.
    pub(in crate::postgres) fn empty(&mut self) -> Option<V> {
        self.kept.take()
    }

    /// What it has kept for another tenant, which is to be closed first.
    pub(in crate::postgres) fn take_stale(&mut self) -> Option<V> {
        self.stale.take()
    }
}

impl<K: Eq + Hash + Clone, V> Drop for Place<K, V> {
    fn drop(&mut self) {
        self.shared.put_back(&self.key, self.kept.take());
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn places(max: usize, max_per_tenant: usize, max_waiting: usize) -> Places<&'static str, u32> {
        Places::new(PlaceLimits {
            max,
            max_per_tenant,
            max_waiting,
            timeout: Duration::from_secs(3600),
        })
    }

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn take(places: &Places<&'static str, u32>, key: &'static str) -> Place<&'static str, u32> {
        match poll(pin!(places.take(&key))) {
            Poll::Ready(place) => place.ok().unwrap(),
            Poll::Pending => panic!("{key} waits"),
        }
    }

    fn accounts_for_all(places: &Places<&'static str, u32>) {
        let state = places.shared.state();
        let in_use: usize = state.in_use.values().sum();
        assert_eq!(state.free + state.idle.len() + in_use, places.limits().max);
    }

    #[tokio::test]
    async fn what_was_used_is_kept_for_the_same_tenant() {
        let places = places(2, 2, 9);
        let mut place = take(&places, "a");
        assert!(place.kept().is_none() && place.take_stale().is_none());
        place.keep(1);
        drop(place);
        assert!(take(&places, "b").kept().is_none());
        assert_eq!(take(&places, "a").kept(), Some(&1));
        accounts_for_all(&places);
    }

    #[tokio::test]
    async fn the_least_recently_used_goes() {
        let places = places(2, 2, 9);
        for (key, value) in [("a", 1), ("b", 2), ("a", 1)] {
            take(&places, key).keep(value);
        }
        let mut place = take(&places, "c");
        assert_eq!(place.take_stale(), Some(2));
        assert!(place.kept().is_none());
        drop(place);
        assert_eq!(take(&places, "a").kept(), Some(&1));
        accounts_for_all(&places);
    }

    #[tokio::test]
    async fn those_who_wait_are_served_in_order_and_never_beyond_the_bound() {
        let places = places(1, 1, 9);
        let mut used = take(&places, "a");
        used.keep(1);
        let (mut first, mut second) = (Box::pin(places.take(&"b")), Box::pin(places.take(&"a")));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        drop(used);
        assert!(poll(second.as_mut()).is_pending());
        let Poll::Ready(Ok(mut place)) = poll(first.as_mut()) else {
            panic!("the first still waits")
        };
        assert_eq!(place.take_stale(), Some(1));
        accounts_for_all(&places);
        drop(place);
        assert!(matches!(poll(second.as_mut()), Poll::Ready(Ok(_))));
    }

    /// A tenant that has as many as it may stands in nobody's way.
    #[tokio::test]
    async fn a_tenants_own_bound_holds_no_place() {
        let places = places(2, 1, 9);
        let of_a = take(&places, "a");
        let mut more = Box::pin(places.take(&"a"));
        assert!(poll(more.as_mut()).is_pending());
        drop(take(&places, "b"));
        let of_b = take(&places, "b");
        drop(of_a);
        assert!(matches!(poll(more.as_mut()), Poll::Ready(Ok(_))));
        drop(of_b);
    }

    #[tokio::test]
    async fn too_many_who_wait_are_refused_and_those_who_gave_up_do_not_count() {
        let places = places(1, 1, 1);
        let used = take(&places, "a");
        let mut waiting = Box::pin(places.take(&"b"));
        assert!(poll(waiting.as_mut()).is_pending());
        assert!(matches!(poll(pin!(places.take(&"c"))), Poll::Ready(Err(NoPlace::Full))));
        drop(waiting);
        let mut waiting = Box::pin(places.take(&"c"));
        assert!(poll(waiting.as_mut()).is_pending());
        drop(used);
        assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Ok(_))));
    }

    /// Whoever stops waiting after it was told, and before it looked, loses no place.
    #[tokio::test]
    async fn a_place_that_nobody_takes_comes_back() {
        let places = places(1, 1, 9);
        let used = take(&places, "a");
        let (mut first, mut second) = (Box::pin(places.take(&"b")), Box::pin(places.take(&"c")));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        drop(used);
        drop(first);
        assert!(matches!(poll(second.as_mut()), Poll::Ready(Ok(_))));
        drop(second);
        accounts_for_all(&places);
        assert_eq!(places.shared.state().free, 1);
    }

    #[tokio::test]
    async fn waiting_ends() {
        let limits = places(1, 1, 9).limits();
        let places = Places::new(PlaceLimits {
            timeout: Duration::ZERO,
            ..limits
        });
        let _used = take(&places, "a");
        assert!(matches!(places.take(&"b").await, Err(NoPlace::Full)));
    }

    #[tokio::test]
    async fn nothing_is_handed_out_after_the_end() {
        let places = places(2, 2, 9);
        take(&places, "a").keep(1);
        let (mut used, other) = (take(&places, "b"), take(&places, "c"));
        used.keep(2);
        drop(other);
        let mut waiting = Box::pin(places.take(&"b"));
        let _ = poll(waiting.as_mut());
        let closed = places.close();
        assert!(closed.len() <= 1);
        drop(used);
        assert!(places.close().is_empty());
        assert!(matches!(
            poll(pin!(places.take(&"a"))),
            Poll::Ready(Err(NoPlace::Closed))
        ));
    }

    #[tokio::test]
    async fn a_tenant_is_forgotten() {
        let places = places(3, 3, 9);
        let both = [take(&places, "a"), take(&places, "a")];
        both.into_iter()
            .zip(1..)
            .for_each(|(mut place, value)| place.keep(value));
        take(&places, "b").keep(3);
        assert_eq!(places.forget(&"a"), [1, 2]);
        assert!(take(&places, "a").kept().is_none());
        assert_eq!(take(&places, "b").kept(), Some(&3));
        accounts_for_all(&places);
    }
}

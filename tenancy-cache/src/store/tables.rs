//! The tables that all threads share. Everything here takes the hash of a key, and computes none.

use std::hash::{Hash, Hasher};

use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Lifecycle, UnitWeighter};

use super::cacheable::Unshare;
use super::expiry::Expiry;
use crate::CacheLimits;
use crate::group::{KeyHash, Prehashed};

/// The hits and the misses, each bounded.
///
/// A hit is found by the hash of its key alone: the value says whether it is the answer. Two keys of one hash evict each
/// other. A miss has nothing that could say so, and is stored with its key.
pub(super) struct Tables<K, V> {
    hits: Table<KeyHash, Hit<V>>,
    misses: Table<HashedKey<K>, Miss>,
}

type Table<K, V> = Cache<K, V, UnitWeighter, Prehashed, ReportEvicted>;

/// A value, and when it expires.
#[derive(Clone)]
pub(crate) struct Hit<V> {
    pub(super) value: V,
    pub(super) expiry: Expiry,
}

impl<V: Unshare> Hit<V> {
    pub(super) fn unshare(&self) -> Self {
        Self {
            value: self.value.unshare(),
            expiry: self.expiry,
        }
    }
}

/// That there is no value.
#[derive(Clone, Copy)]
pub(super) struct Miss {
    pub(super) expiry: Expiry,
    /// The latest invalidation when it was stored.
    pub(super) stored_after: u64,
}

struct HashedKey<K> {
    hash: KeyHash,
    key: K,
}

impl<K: Eq> PartialEq for HashedKey<K> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.key == other.key
    }
}

impl<K: Eq> Eq for HashedKey<K> {}

impl<K> Hash for HashedKey<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

/// A key that is looked up, with its hash.
struct Hashed<'a, Q>(KeyHash, &'a Q);

impl<Q> Hash for Hashed<'_, Q> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K, Q: Equivalent<K>> Equivalent<HashedKey<K>> for Hashed<'_, Q> {
    fn equivalent(&self, other: &HashedKey<K>) -> bool {
        self.0 == other.hash && self.1.equivalent(&other.key)
    }
}

/// Any key of a hash: what is forgotten may be more than must be.
struct OfHash(KeyHash);

impl Hash for OfHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K> Equivalent<HashedKey<K>> for OfHash {
    fn equivalent(&self, other: &HashedKey<K>) -> bool {
        self.0 == other.hash
    }
}

/// Hands what is evicted to the caller, who takes it out of the index.
#[derive(Clone, Copy, Default)]
struct ReportEvicted;

impl<K, V> Lifecycle<K, V> for ReportEvicted {
    type RequestState = Vec<(K, V)>;

    fn on_evict(&self, evicted: &mut Vec<(K, V)>, key: K, value: V) {
        evicted.push((key, value));
    }
}

fn table<K: Eq + Hash, V: Clone>(capacity: usize) -> Table<K, V> {
    Cache::with(
        capacity,
        capacity as u64,
        UnitWeighter,
        Prehashed::default(),
        ReportEvicted,
    )
}

impl<K: Eq, V: Clone> Tables<K, V> {
    pub(super) fn new(limits: &CacheLimits) -> Self {
        Self {
            hits: table(limits.capacity),
            misses: table(limits.miss_capacity),
        }
    }

    pub(super) fn hit(&self, key: KeyHash) -> Option<Hit<V>> {
        self.hits.get(&key)
    }

    pub(super) fn miss(&self, hash: KeyHash, key: &impl Equivalent<K>) -> Option<Miss> {
        self.misses.get(&Hashed(hash, key))
    }

    /// Whether something is stored for a key, expired or not.
    pub(super) fn has(&self, hash: KeyHash, key: &impl Equivalent<K>) -> bool {
        self.hits.contains_key(&hash) || self.misses.contains_key(&Hashed(hash, key))
    }

    /// Returns what had to make room.
    #[must_use]
    pub(super) fn insert_hit(&self, key: KeyHash, hit: Hit<V>) -> Vec<(KeyHash, Hit<V>)> {
        let mut evicted = Vec::new();
        self.hits.insert_with_lifecycle(key, hit, &mut evicted);
        evicted
    }

    /// Returns what had to make room.
    #[must_use]
    pub(super) fn insert_miss(&self, hash: KeyHash, key: K, miss: Miss) -> Vec<(KeyHash, K)> {
        let mut evicted = Vec::new();
        self.misses
            .insert_with_lifecycle(HashedKey { hash, key }, miss, &mut evicted);
        evicted.into_iter().map(|(key, _)| (key.hash, key.key)).collect()
    }

    pub(super) fn remove_hit(&self, key: KeyHash, is_removed: impl FnOnce(&V) -> bool) -> Option<Hit<V>> {
        self.hits
            .remove_if(&key, |hit| is_removed(&hit.value))
            .map(|(_, hit)| hit)
    }

    pub(super) fn remove_miss(&self, hash: KeyHash) -> Option<K> {
        self.misses.remove(&OfHash(hash)).map(|(key, _)| key.key)
    }

    pub(super) fn clear(&self) {
        self.hits.clear();
        self.misses.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.hits.len() + self.misses.len()
    }
}

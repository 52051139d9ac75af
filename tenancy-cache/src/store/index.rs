//! Which keys a change puts out of date.

use hashbrown::HashTable;

use crate::group::{Group, Groups, KeyHash};

/// The cached keys of each group. It holds a pair for each, so it is bounded with what it is an index of.
#[derive(Default)]
pub(super) struct Index(HashTable<Pair>);

/// Halves of hashes, so that a pair takes 12 bytes. Two groups with one half are forgotten together.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Pair {
    group: u32,
    key: [u32; 2],
}

impl Pair {
    const fn new(group: Group, key: KeyHash) -> Self {
        Self {
            group: half_of(group),
            key: [(key.0 >> 32) as u32, key.0 as u32],
        }
    }

    const fn key_hash(&self) -> KeyHash {
        let [high, low] = self.key;
        KeyHash((high as u64) << 32 | low as u64)
    }

    const fn hash(&self) -> u64 {
        spread(self.group)
    }
}

impl Index {
    pub(super) fn insert(&mut self, groups: &Groups, key: KeyHash) {
        for pair in groups.iter().map(|group| Pair::new(group, key)) {
            self.0
                .entry(pair.hash(), |other| *other == pair, Pair::hash)
                .or_insert(pair);
        }
    }

    pub(super) fn remove(&mut self, groups: &Groups, key: KeyHash) {
        for pair in groups.iter().map(|group| Pair::new(group, key)) {
            if let Ok(found) = self.0.find_entry(pair.hash(), |other| *other == pair) {
                found.remove();
            }
        }
    }

    /// The cached keys of a group. It costs what the group has, however many others there are.
    pub(super) fn keys(&self, group: Group) -> impl Iterator<Item = KeyHash> {
        let half = half_of(group);
        let pairs = self.0.iter_hash(spread(half));
        pairs.filter(move |pair| pair.group == half).map(Pair::key_hash)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

const fn half_of(group: Group) -> u32 {
    group.0 as u32
}

/// The table takes its position from the lowest bits and a tag from the highest.
const fn spread(half: u32) -> u64 {
    (half as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

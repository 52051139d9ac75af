//! What is forgotten together, by hashes.

use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::quality::RandomState;

/// The hash of a key. It is computed once for each look-up, and all tables take it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyHash(pub(crate) u64);

impl Hash for KeyHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// Answers that one change puts out of date, such as those of a tenant's names: the hash of what they have in common.
/// If two groups share a hash, both are forgotten where one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group(pub(crate) u64);

impl Group {
    pub(crate) fn new(hasher: &RandomState, of: impl Hash) -> Self {
        Self(hasher.hash_one(of))
    }
}

/// The groups to which an answer belongs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Groups([Option<Group>; Groups::MOST]);

impl Groups {
    pub(crate) const MOST: usize = 3;

    pub(crate) const fn one(group: Group) -> Self {
        Self([Some(group), None, None])
    }

    pub(crate) const fn three(groups: [Group; 3]) -> Self {
        let [one, two, three] = groups;
        Self([Some(one), Some(two), Some(three)])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Group> {
        self.0.into_iter().flatten()
    }
}

/// A key or a value that is forgotten by groups.
pub(crate) trait Grouped {
    fn groups(&self, hasher: &RandomState) -> Groups;
}

/// For tables whose keys are hashes already.
#[derive(Clone, Copy, Default)]
pub(crate) struct Prehashed(u64);

impl BuildHasher for Prehashed {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self::default()
    }
}

impl Hasher for Prehashed {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// Not called: what is hashed here hashes itself as one `u64`.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

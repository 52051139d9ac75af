//! A word that stands for one tenant's data.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// A word that is found nowhere but in one tenant's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(String);

impl Mark {
    pub(super) fn new() -> Self {
        // A new state is seeded at random.
        Self(format!("leak{:016x}", RandomState::new().hash_one(0)))
    }

    /// The word: lower-case letters and digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

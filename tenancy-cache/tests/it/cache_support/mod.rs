//! What the tests of the caches ask, and how.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

pub(crate) mod directory;
pub(crate) mod members;

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl std::error::Error for Down {}

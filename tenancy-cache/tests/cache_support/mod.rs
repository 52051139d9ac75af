//! What the tests of the caches ask, and how.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part")]

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

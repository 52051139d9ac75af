//! What keys of one kind begin with.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// What all keys of one kind begin with, such as `sessions`: it keeps them apart from other keys in the same store.
///
/// `[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`: it has no separator, so that no namespace and tenant together read as others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Namespace(String);

impl Namespace {
    /// The greatest length, in bytes.
    pub const MAX_LEN: usize = 64;

    /// The namespace as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Namespace {
    type Err = ParseNamespaceError;

    fn from_str(text: &str) -> Result<Self, ParseNamespaceError> {
        let is_in_it = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        match text.as_bytes() {
            [first, ..]
                if first.is_ascii_alphanumeric() && text.len() <= Self::MAX_LEN && text.bytes().all(is_in_it) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(ParseNamespaceError),
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that is no namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseNamespaceError;

impl fmt::Display for ParseNamespaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a namespace of keys has 1 to 64 of A-Z, a-z, 0-9, `_`, `.` and `-`, the first a letter or digit")
    }
}

impl Error for ParseNamespaceError {}

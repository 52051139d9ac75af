//! The digest that a cached token is found by, which cannot be turned back into the token.

use std::fmt;
use std::hash::{Hash, Hasher};

use polyval::Polyval;
use polyval::universal_hash::UniversalHash;

use crate::TokenError;
use crate::limits::MAX_TOKEN_LEN;

/// The secret of one cache's digests.
///
/// POLYVAL (RFC 8452 §3) is a universal hash: an attacker who knows neither the key nor any digest finds two tokens of
/// one digest with a chance of one in 2^118 for each pair, whatever they compute. It takes a quarter of the time of
/// SHA-256, which alone would cost most of a hit.
pub(crate) struct DigestKey(Polyval);

/// The digest of a whole token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenDigest([u8; 16]);

impl DigestKey {
    /// A key of the system's own randomness, or `None` if the system has none.
    ///
    /// The system is asked itself: AWS-LC seeds a generator of its own first, by measuring the processor for some 60 ms, and nothing
    /// else in a process that only verifies needs it.
    pub(crate) fn random() -> Option<Self> {
        let mut key = [0; polyval::KEY_SIZE];
        getrandom::fill(&mut key).ok()?;
        Some(Self(Polyval::new(&key.into())))
    }

    /// A token that is too long is refused, and not read.
    pub(crate) fn digest(&self, token: &[u8]) -> Result<TokenDigest, TokenError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(TokenError::TooLong);
        }
        let mut hash = self.0.clone();
        hash.update_padded(token);
        // Zeros fill up the last block: the length tells them from a token's own.
        let length = (token.len() as u128).to_le_bytes();
        hash.update(&[length.into()]);
        Ok(TokenDigest(hash.finalize().into()))
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestKey").finish_non_exhaustive()
    }
}

/// A digest is as good a hash as there is: half of it is taken.
impl Hash for TokenDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u128::from_le_bytes(self.0) as u64);
    }
}

/// Takes the number that it is given.
#[derive(Default)]
pub(crate) struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_token_has_another_digest() {
        let key = DigestKey::random().unwrap();
        let tokens: [&[u8]; 7] = [b"", b"\0", b"\0\0", &[0; 16], &[0; 17], b"a", b"a\0"];
        for (place, token) in tokens.iter().enumerate() {
            for (other_place, other) in tokens.iter().enumerate() {
                let is_one = key.digest(token).unwrap() == key.digest(other).unwrap();
                assert_eq!(is_one, place == other_place, "{token:?} {other:?}");
            }
        }
    }

    #[test]
    fn another_key_makes_another_digest() {
        let [one, other] = [(); 2].map(|()| DigestKey::random().unwrap().digest(b"a token").unwrap());
        assert!(one != other);
    }
}

//! The keys of a verifier, of which a token may choose one.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::verify::header::Header;
use crate::{BuildVerifierError, TokenError, VerificationKey};

/// It never changes: other keys are another set.
#[derive(Debug)]
pub(crate) struct KeySet {
    keys: Vec<VerificationKey>,
    /// Of this one alone, as long as the process lives.
    number: u64,
}

impl KeySet {
    pub(crate) fn new(keys: Vec<VerificationKey>) -> Result<Self, BuildVerifierError> {
        let Some(first) = keys.first() else {
            return Err(BuildVerifierError::NoKey);
        };
        let symmetric = first.algorithm().is_symmetric();
        if keys.iter().any(|key| key.algorithm().is_symmetric() != symmetric) {
            return Err(BuildVerifierError::MixedKeys);
        }
        for (index, key) in keys.iter().enumerate() {
            let Some(kid) = key.kid() else {
                if keys.len() > 1 {
                    return Err(BuildVerifierError::KeyWithoutKid);
                }
                continue;
            };
            if keys.iter().skip(index + 1).any(|other| other.kid() == Some(kid)) {
                return Err(BuildVerifierError::RepeatedKid { kid: kid.to_owned() });
            }
        }
        Ok(Self::of_jwks(keys))
    }

    /// The keys of a key set's document. No two of them have the same `kid` and algorithm.
    pub(crate) fn of_jwks(keys: Vec<VerificationKey>) -> Self {
        static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);
        Self {
            keys,
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Tells this set from every other, also from one of the same keys.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    pub(crate) const fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &VerificationKey> {
        self.keys.iter()
    }

    /// The one key that may have signed the token: that of its `kid` and its algorithm. A token without a `kid` means
    /// the only key.
    pub(crate) fn select(&self, header: &Header) -> Result<&VerificationKey, TokenError> {
        let kid = header.kid()?;
        if kid.is_none() && self.keys.len() > 1 {
            return Err(TokenError::MissingKid);
        }
        let mut named = self
            .keys
            .iter()
            .filter(|key| kid.is_none() || key.kid() == kid)
            .peekable();
        let expected = match (named.peek(), kid) {
            (Some(key), _) => key.algorithm(),
            (None, Some(_)) => return Err(TokenError::UnknownKid),
            (None, None) => return Err(TokenError::MissingKid),
        };
        let algorithm = header.algorithm()?;
        named
            .find(|key| key.algorithm().as_str() == algorithm)
            .ok_or(TokenError::WrongAlgorithm { expected })
    }
}

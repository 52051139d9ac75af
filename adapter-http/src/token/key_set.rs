//! The keys of a verifier, of which a token may choose one.

use std::sync::atomic::{AtomicU64, Ordering};

use super::header::Header;
use super::{BuildVerifierError, TokenError, VerificationKey};

/// It never changes: other keys are another set.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<VerificationKey>,
    /// Of this one alone, as long as the process lives.
    number: u64,
}

impl KeySet {
    pub(super) fn new(keys: Vec<VerificationKey>) -> Result<Self, BuildVerifierError> {
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

    /// The keys of a key set, which has seen to their being told apart.
    pub(super) fn of_jwks(keys: Vec<VerificationKey>) -> Self {
        static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);
        Self {
            keys,
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Tells this set from every other, also from one of the same keys.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &VerificationKey> {
        self.keys.iter()
    }

    /// The one key that may have signed the token, whose algorithm is the token's.
    pub(super) fn select(&self, header: &Header) -> Result<&VerificationKey, TokenError> {
        let key = match (header.kid()?, self.keys.as_slice()) {
            (None, [only]) => only,
            (None, _) => return Err(TokenError::MissingKid),
            (Some(kid), keys) => keys
                .iter()
                .find(|key| key.kid() == Some(kid))
                .ok_or(TokenError::UnknownKid)?,
        };
        if header.algorithm()? == key.algorithm().as_str() {
            Ok(key)
        } else {
            Err(TokenError::WrongAlgorithm {
                expected: key.algorithm(),
            })
        }
    }
}

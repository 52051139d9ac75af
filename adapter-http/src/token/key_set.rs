//! The keys of a verifier, of which a token may choose one.

use super::header::Header;
use super::{BuildVerifierError, TokenError, VerificationKey};

#[derive(Debug)]
pub(super) struct KeySet(Vec<VerificationKey>);

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
        Ok(Self(keys))
    }

    /// The keys of a key set, which has seen to their being told apart.
    pub(super) const fn of_jwks(keys: Vec<VerificationKey>) -> Self {
        Self(keys)
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &VerificationKey> {
        self.0.iter()
    }

    /// The one key that may have signed the token, whose algorithm is the token's.
    pub(super) fn select(&self, header: &Header) -> Result<&VerificationKey, TokenError> {
        let key = match (header.kid()?, self.0.as_slice()) {
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

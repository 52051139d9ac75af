//! A key set as JSON (RFC 7517 §5).

use core::fmt;

use thiserror::Error;

use crate::jwks::jwks_document::{self, Exposure, Member};
use crate::jwks::jwks_error::JwksError;
use crate::key::jwk;
use crate::key::key_set::KeySet;
use crate::{JwkProblem, KeyAlgorithm, VerificationKey};

/// What a key set may hold.
#[derive(Clone, Debug)]
pub(crate) struct JwkRules {
    pub(crate) accepted: Vec<KeyAlgorithm>,
    /// Anybody can read it there, so that no secret is one.
    pub(crate) from_network: bool,
}

/// The keys of a document that can be used, and why the others cannot.
pub(crate) struct JwkSet {
    pub(crate) keys: KeySet,
    pub(crate) skipped: Skipped,
}

impl JwkRules {
    /// An algorithm at least, and secrets only by themselves and never from the network.
    pub(crate) fn new(accepted: Vec<KeyAlgorithm>, from_network: bool) -> Result<Self, AlgorithmsError> {
        let symmetric = accepted.iter().filter(|algorithm| algorithm.is_symmetric()).count();
        if accepted.is_empty() {
            Err(AlgorithmsError::Empty)
        } else if from_network && symmetric > 0 {
            Err(AlgorithmsError::SecretFromNetwork)
        } else if symmetric > 0 && symmetric < accepted.len() {
            Err(AlgorithmsError::Mixed)
        } else {
            Ok(Self { accepted, from_network })
        }
    }

    /// Reads a document. What is no key for us is left out, and the others serve; a document that publishes a
    /// private key or a secret is refused as a whole.
    ///
    /// # Security
    ///
    /// The second rule comes first. It holds for members that would have been left out, too, such as a secret for
    /// encryption or a key of an unknown type: an issuer that published one secret by mistake may have published more.
    pub(crate) fn parse(&self, document: &[u8]) -> Result<JwkSet, JwksError> {
        let members = jwks_document::members(document)?;
        self.refuse_secrets(&members)?;
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (place, member) in members.into_iter().enumerate() {
            match member.jwk.and_then(|jwk| jwk::read(jwk, &self.accepted)) {
                Ok(key) => keys.push((place, key)),
                Err(problem) => skipped.push((place, problem)),
            }
        }
        Ok(JwkSet::new(keys, skipped))
    }

    fn refuse_secrets(&self, members: &[Member]) -> Result<(), JwksError> {
        let any = |exposes: fn(&Exposure) -> bool| members.iter().any(|member| exposes(&member.exposes));
        let has_secret = any(|exposes| exposes.secret);
        if any(|exposes| exposes.private_key) || (self.from_network && has_secret) {
            Err(JwksError::PrivateKey)
        } else if has_secret && any(|exposes| exposes.public_key) {
            Err(JwksError::MixedKeys)
        } else {
            Ok(())
        }
    }
}

impl JwkSet {
    /// The keys that tokens can choose between, and the problems of those that they cannot.
    ///
    /// A token names a `kid` and an algorithm. A copy of a key counts once; two different keys of one `kid` and
    /// algorithm are both left out, since the document does not say which of them the issuer means. A key without a
    /// `kid` must be the only one.
    fn new(mut keys: Vec<(usize, VerificationKey)>, mut skipped: Vec<(usize, JwkProblem)>) -> Self {
        let mut take_out = |keys: &mut Vec<(usize, VerificationKey)>, places: &[usize], problem| {
            keys.retain(|(place, _)| !places.contains(place));
            skipped.extend(places.iter().map(|place| (*place, problem)));
        };
        let rivals = places(&keys, |key, other| {
            key.kid().is_some() && key.is_chosen_like(other) && !key.is_copy_of(other)
        });
        take_out(&mut keys, &rivals, JwkProblem::Ambiguous);
        let mut distinct: Vec<(usize, VerificationKey)> = Vec::with_capacity(keys.len());
        for (place, key) in keys {
            if !distinct.iter().any(|(_, other)| key.is_copy_of(other)) {
                distinct.push((place, key));
            }
        }
        if distinct.len() > 1 {
            let nameless = places(&distinct, |key, _| key.kid().is_none());
            take_out(&mut distinct, &nameless, JwkProblem::NoKid);
        }
        skipped.sort_unstable_by_key(|(place, _)| *place);
        Self {
            keys: KeySet::of_jwks(distinct.into_iter().map(|(_, key)| key).collect()),
            skipped: Skipped(skipped),
        }
    }
}

/// Where the keys stand that have something to do with any of the keys.
fn places(
    keys: &[(usize, VerificationKey)],
    concerns: impl Fn(&VerificationKey, &VerificationKey) -> bool,
) -> Vec<usize> {
    let concerned = keys
        .iter()
        .filter(|(_, key)| keys.iter().any(|(_, other)| concerns(key, other)));
    concerned.map(|(place, _)| *place).collect()
}

/// The keys of a document that are left out, by their place in `keys`, counted from 0. It never shows anything that
/// the document says.
pub(crate) struct Skipped(Vec<(usize, JwkProblem)>);

impl Skipped {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (place, problem)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}keys[{place}]: {problem}")?;
        }
        Ok(())
    }
}

/// Why a key set cannot have these algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AlgorithmsError {
    /// None.
    #[error("at least one algorithm is required")]
    Empty,
    /// A secret that anybody can fetch.
    #[error("a key set from the network has no secrets, so HS256, HS384 and HS512 cannot be accepted")]
    SecretFromNetwork,
    /// A public key could be taken for a secret.
    #[error("algorithms of secrets and of public keys cannot be accepted together")]
    Mixed,
}

//! A key set as JSON (RFC 7517 §5).

use thiserror::Error;

use super::json::{Json, Object, parse_object};
use super::jwk::{self, holds_private_key, holds_secret};
use super::key_set::KeySet;
use super::{JsonProblem, JwkProblem, KeyAlgorithm};

/// 64 KiB hold some forty RSA keys with certificates.
pub(super) const MAX_DOCUMENT_LEN: usize = 64 * 1024;
const MAX_KEYS: usize = 64;

/// What a key set may hold.
#[derive(Clone, Debug)]
pub(super) struct JwkRules {
    pub(super) accepted: Vec<KeyAlgorithm>,
    /// Anybody can read it there, so that no secret is one.
    pub(super) from_network: bool,
}

/// The keys of a document that can be used, and why the others cannot.
pub(super) struct JwkSet {
    pub(super) keys: KeySet,
    /// By place in the document, from 0.
    pub(super) skipped: Vec<(usize, JwkProblem)>,
}

impl JwkRules {
    /// An algorithm at least, and secrets only by themselves and never from the network.
    pub(super) fn new(accepted: Vec<KeyAlgorithm>, from_network: bool) -> Result<Self, AlgorithmsError> {
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

    /// Reads a document. A key that is not understood or not for us is left out; whatever shows that
    /// the document was not written with care refuses it as a whole.
    pub(super) fn parse(&self, document: &[u8]) -> Result<JwkSet, JwksError> {
        let jwks = list(document)?;
        let mut kids: Vec<&str> = jwks.iter().filter_map(|jwk| jwk.get("kid")?.as_text()).collect();
        kids.sort_unstable();
        if kids.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
            return Err(JwksError::RepeatedKid);
        }
        if jwks.iter().any(holds_private_key) || (self.from_network && jwks.iter().any(holds_secret)) {
            return Err(JwksError::PrivateKey);
        }
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (place, jwk) in jwks.into_iter().enumerate() {
            match jwk::read(jwk, &self.accepted) {
                Ok(key) => keys.push((place, key)),
                Err(problem) => skipped.push((place, problem)),
            }
        }
        if keys.len() > 1 {
            let nameless = keys.extract_if(.., |(_, key)| key.kid().is_none());
            skipped.extend(nameless.map(|(place, _)| (place, JwkProblem::NoKid)));
        }
        Ok(JwkSet {
            keys: KeySet::of_jwks(keys.into_iter().map(|(_, key)| key).collect()),
            skipped,
        })
    }
}

fn list(document: &[u8]) -> Result<Vec<Object>, JwksError> {
    if document.len() > MAX_DOCUMENT_LEN {
        return Err(JwksError::TooLong);
    }
    let mut document = parse_object(document).map_err(JwksError::Json)?;
    let Some(Json::List(keys)) = document.remove("keys") else {
        return Err(JwksError::NoKeys);
    };
    if keys.len() > MAX_KEYS {
        return Err(JwksError::TooManyKeys);
    }
    let object = |key| match key {
        Json::Object(jwk) => Ok(jwk),
        _ => Err(JwksError::NoKeys),
    };
    keys.into_iter().map(object).collect()
}

/// Why a document is refused as a key set. It never holds anything that the document says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JwksError {
    /// More than 64 KiB.
    #[error("it is longer than {MAX_DOCUMENT_LEN} bytes")]
    TooLong,
    /// No JSON object with each name once.
    #[error("it {0}")]
    Json(JsonProblem),
    /// No `keys`, or anything in it that is no object.
    #[error("its `keys` is missing or no array of objects")]
    NoKeys,
    /// More than 64 keys.
    #[error("it has more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// Two keys of one `kid`.
    #[error("two of its keys have one `kid`")]
    RepeatedKid,
    /// A private key, or a secret where anybody can read it.
    #[error("it has a private key or a secret, with which whoever reads it can sign")]
    PrivateKey,
    /// No key that can be used.
    #[error("none of its keys can be used")]
    NoUsableKey,
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

use std::sync::Arc;

#[cfg(feature = "jwks")]
use crate::RemoteJwks;
use crate::key::key_set::KeySet;
use crate::verify::header::Header;
use crate::{BuildVerifierError, JwksFile, TokenError, VerificationKey};

/// Where an issuer's keys come from: given [`VerificationKey`]s, a [`JwksFile`], or, with the
/// feature `jwks`, a `RemoteJwks`.
#[derive(Debug)]
pub struct KeySource(Given);

#[derive(Debug)]
enum Given {
    Keys(Vec<VerificationKey>),
    File(JwksFile),
    #[cfg(feature = "jwks")]
    Remote(RemoteJwks),
}

impl From<Vec<VerificationKey>> for KeySource {
    fn from(keys: Vec<VerificationKey>) -> Self {
        Self(Given::Keys(keys))
    }
}

impl<const N: usize> From<[VerificationKey; N]> for KeySource {
    fn from(keys: [VerificationKey; N]) -> Self {
        Self(Given::Keys(keys.into()))
    }
}

impl From<JwksFile> for KeySource {
    fn from(file: JwksFile) -> Self {
        Self(Given::File(file))
    }
}

#[cfg(feature = "jwks")]
impl From<RemoteJwks> for KeySource {
    fn from(remote: RemoteJwks) -> Self {
        Self(Given::Remote(remote))
    }
}

/// A source whose keys are known to go together.
#[derive(Debug)]
pub(crate) enum Source {
    Fixed(Arc<KeySet>),
    File(JwksFile),
    #[cfg(feature = "jwks")]
    Remote(RemoteJwks),
}

impl Source {
    pub(crate) fn new(keys: KeySource) -> Result<Self, BuildVerifierError> {
        Ok(match keys.0 {
            Given::Keys(keys) => Self::Fixed(Arc::new(KeySet::new(keys)?)),
            Given::File(file) => Self::File(file),
            #[cfg(feature = "jwks")]
            Given::Remote(remote) => Self::Remote(remote),
        })
    }

    /// The current keys, for a token with this header.
    #[cfg_attr(
        not(feature = "jwks"),
        expect(unused_variables, reason = "the keys of these sources are always available")
    )]
    pub(crate) fn current(&self, header: &Header) -> Result<Arc<KeySet>, TokenError> {
        match self {
            Self::Fixed(keys) => Ok(Arc::clone(keys)),
            Self::File(file) => Ok(file.current()),
            #[cfg(feature = "jwks")]
            Self::Remote(remote) => remote.current().ok_or_else(|| without_keys(remote, header)),
        }
    }

    /// The number of the current keys; `None` if there are none.
    pub(crate) fn key_set_number(&self) -> Option<u64> {
        match self {
            Self::Fixed(keys) => Some(keys.number()),
            Self::File(file) => Some(file.current().number()),
            #[cfg(feature = "jwks")]
            Self::Remote(remote) => remote.current().map(|keys| keys.number()),
        }
    }

    /// Whether [`refresh_for_unknown_kid`](Self::refresh_for_unknown_kid) may bring a key that is not known now.
    #[cfg_attr(
        not(feature = "jwks"),
        expect(unused_variables, reason = "these sources are not refreshed for a token")
    )]
    pub(crate) fn may_refresh(&self, alg: &str) -> bool {
        match self {
            Self::Fixed(_) | Self::File(_) => false,
            #[cfg(feature = "jwks")]
            Self::Remote(remote) => remote.may_refresh(alg),
        }
    }

    /// Waits for a fetch that may bring a key that is not known now, until `has_helped` says that it has.
    #[cfg_attr(
        not(feature = "jwks"),
        expect(unused_variables, reason = "these sources are not refreshed for a token")
    )]
    pub(crate) async fn refresh_for_unknown_kid(&self, has_helped: impl Fn() -> bool + Send) {
        match self {
            Self::Fixed(_) | Self::File(_) => {}
            #[cfg(feature = "jwks")]
            Self::Remote(remote) => remote.refresh_for_unknown_kid(has_helped).await,
        }
    }
}

/// A token that no accepted key could verify is refused, although there are no keys yet to verify it with.
#[cfg(feature = "jwks")]
fn without_keys(remote: &RemoteJwks, header: &Header) -> TokenError {
    match header.kid().and_then(|_| header.algorithm()) {
        Ok(alg) if remote.accepts(alg) => TokenError::KeysUnavailable,
        Ok(_) => TokenError::UnacceptedAlgorithm,
        Err(error) => error,
    }
}

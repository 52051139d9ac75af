use std::sync::Arc;

use super::key_set::KeySet;
use super::{BuildVerifierError, JwksFile, VerificationKey};

/// Where an issuer's keys come from: given [`VerificationKey`]s, or a [`JwksFile`].
#[derive(Debug)]
pub struct KeySource(Given);

#[derive(Debug)]
enum Given {
    Keys(Vec<VerificationKey>),
    File(JwksFile),
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

/// A source whose keys are known to go together.
#[derive(Debug)]
pub(super) enum Source {
    Fixed(Arc<KeySet>),
    File(JwksFile),
}

impl Source {
    pub(super) fn new(keys: KeySource) -> Result<Self, BuildVerifierError> {
        Ok(match keys.0 {
            Given::Keys(keys) => Self::Fixed(Arc::new(KeySet::new(keys)?)),
            Given::File(file) => Self::File(file),
        })
    }

    /// The keys as they are now.
    pub(super) fn current(&self) -> Arc<KeySet> {
        match self {
            Self::Fixed(keys) => Arc::clone(keys),
            Self::File(file) => file.current(),
        }
    }
}

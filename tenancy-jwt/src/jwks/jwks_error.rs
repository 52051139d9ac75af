//! Why a document is refused as a key set.

use thiserror::Error;

use crate::JsonProblem;

/// How long a document may be, in bytes.
pub(crate) const MAX_DOCUMENT_LEN: usize = 64 * 1024;
/// How many keys a document may have.
pub(crate) const MAX_KEYS: usize = 64;

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
    /// No `keys`, or one that is no array.
    #[error("its `keys` is missing or no array")]
    NoKeys,
    /// More than 64 keys.
    #[error("it has more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// A private key, or a secret where anybody can read it.
    #[error("it has a private key or a secret, with which anybody who reads it can sign")]
    PrivateKey,
    /// Secrets and public keys in one document. A document of public keys is made to be published, and a secret that
    /// stands in one has been published with it.
    #[error("it has secrets beside public keys: keep secrets in a document of their own")]
    MixedKeys,
    /// No key that can be used.
    #[error("none of its keys can be used")]
    NoUsableKey,
}

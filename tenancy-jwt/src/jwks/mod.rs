//! Key sets (JWKS, RFC 7517 §5): read from a document, from a file that changes, or from the network.

pub(crate) mod jwk_set;
pub(crate) mod jwks_document;
pub(crate) mod jwks_error;
mod jwks_file;
#[cfg(feature = "jwks")]
mod remote;

pub use jwk_set::AlgorithmsError;
pub use jwks_error::JwksError;
pub use jwks_file::{JwksFile, JwksFileBuilder, JwksFileError};
#[cfg(feature = "jwks")]
pub use remote::{
    AddressError, ConnectJwksError, FetchJwksError, FetchedJwks, HttpsJwks, HttpsJwksBuilder, HttpsJwksError,
    JwksFetcher, RemoteJwks, RemoteJwksBuilder, RemoteJwksError,
};

//! Bearer tokens: signed JWTs (RFC 7519), verified by fixed rules (RFC 8725).

mod algorithm;
mod authenticate;
mod builder;
mod compact;
mod config;
mod error;
mod header;
mod issuer;
mod json;
mod key;
mod key_set;
mod numeric_date;
mod payload;
mod signer;
mod verifier;

pub use algorithm::KeyAlgorithm;
pub use builder::{BuildVerifierError, TokenVerifierBuilder};
pub use config::{JwtConfig, JwtConfigError, JwtKeyConfig};
pub use error::{ClaimProblem, JsonProblem, TokenError};
pub use key::{KeyError, KeyProblem, VerificationKey};
pub use secrecy::SecretSlice;
pub use signer::{SignTokenError, TokenSigner};
pub use verifier::TokenVerifier;

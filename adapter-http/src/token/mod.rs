//! Bearer tokens: signed JWTs (RFC 7519), verified by fixed rules (RFC 8725).

mod algorithm;
mod authenticate;
mod build_error;
mod builder;
mod compact;
mod config;
mod error;
mod header;
mod issuer;
mod json;
mod jwk;
mod jwk_set;
mod jwks_file;
mod key;
mod key_set;
mod key_source;
mod numeric_date;
mod payload;
mod signer;
mod trust;
mod trusted_issuer;
mod verifier;

pub use algorithm::KeyAlgorithm;
pub use build_error::BuildVerifierError;
pub use builder::TokenVerifierBuilder;
pub use config::{JwtConfig, JwtConfigError, JwtKeyConfig};
pub use error::{ClaimProblem, JsonProblem, TokenError};
pub use jwk::JwkProblem;
pub use jwk_set::{AlgorithmsError, JwksError};
pub use jwks_file::{JwksFile, JwksFileBuilder, JwksFileError};
pub use key::{KeyError, KeyProblem, VerificationKey};
pub use key_source::KeySource;
pub use secrecy::SecretSlice;
pub use signer::{SignTokenError, TokenSigner};
pub use trusted_issuer::TrustedIssuer;
pub use verifier::TokenVerifier;

//! Bearer tokens: signed JWTs (RFC 7519), verified by fixed rules (RFC 8725).

mod algorithm;
mod authenticate;
mod build_error;
mod builder;
mod compact;
mod config;
mod config_error;
mod error;
mod header;
mod issuer;
mod issuer_config;
mod issuer_name;
mod json;
mod jwk;
mod jwk_set;
mod jwks_document;
mod jwks_file;
mod key;
mod key_set;
mod key_source;
mod numeric_date;
mod payload;
#[cfg(feature = "jwks")]
mod remote;
mod roca;
mod signer;
mod tenants_shape;
mod token_cache;
mod token_cache_config;
mod token_cache_limits;
mod token_digest;
mod trust;
mod trusted_issuer;
mod verifier;
mod verify_cached;

pub use algorithm::KeyAlgorithm;
pub use build_error::BuildVerifierError;
pub use builder::TokenVerifierBuilder;
pub use config::{JwtConfig, JwtKeyConfig};
pub use config_error::JwtConfigError;
pub use error::{ClaimProblem, JsonProblem, KeysUnavailable, TokenError};
pub use issuer_config::JwtIssuerConfig;
pub use jwk::JwkProblem;
pub use jwk_set::{AlgorithmsError, JwksError};
pub use jwks_file::{JwksFile, JwksFileBuilder, JwksFileError};
pub use key::{KeyError, KeyProblem, VerificationKey};
pub use key_source::KeySource;
#[cfg(feature = "jwks")]
pub use remote::{
    AddressError, ConnectJwksError, FetchJwksError, FetchedJwks, HttpsJwks, HttpsJwksBuilder, HttpsJwksError,
    JwksFetcher, RemoteJwks, RemoteJwksBuilder, StartJwksError,
};
pub use secrecy::SecretSlice;
pub use signer::{SignTokenError, TokenSigner};
pub use tenants_shape::TenantsShape;
pub use token_cache_config::JwtTokenCacheConfig;
pub use token_cache_limits::TokenCacheLimits;
pub use trusted_issuer::TrustedIssuer;
pub use verifier::TokenVerifier;

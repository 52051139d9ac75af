//! Bearer tokens: signed JWTs (RFC 7519), verified by fixed rules (RFC 8725).

mod build_error;
mod builder;
mod cache;
mod config;
mod error;
mod issuer;
mod jwks;
mod key;
mod signer;
mod verify;

pub use build_error::BuildVerifierError;
pub use builder::TokenVerifierBuilder;
pub use cache::TokenCacheLimits;
pub use config::{JwtConfig, JwtConfigError, JwtIssuerConfig, JwtKeyConfig, JwtTokenCacheConfig};
pub use error::{ClaimProblem, JsonProblem, KeysUnavailable, TokenError};
pub use issuer::TrustedIssuer;
#[cfg(feature = "jwks")]
pub use jwks::{
    AddressError, ConnectJwksError, FetchJwksError, FetchedJwks, HttpsJwks, HttpsJwksBuilder, HttpsJwksError,
    JwksFetcher, RemoteJwks, RemoteJwksBuilder, StartJwksError,
};
pub use jwks::{AlgorithmsError, JwksError, JwksFile, JwksFileBuilder, JwksFileError};
pub use key::{JwkProblem, KeyAlgorithm, KeyError, KeyProblem, KeySource, VerificationKey};
pub use secrecy::SecretSlice;
pub use signer::{SignTokenError, TokenSigner};
pub use verify::{TenantsShape, TokenVerifier};

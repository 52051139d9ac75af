//! Bearer tokens that name tenants: signed JWTs (RFC 7519), verified by fixed rules (RFC 8725).
//!
//! It needs the core alone: the adapters for HTTP servers use it, and so does a worker that takes tokens from a queue.
//! A [`TokenVerifier`] has the keys of one issuer or of several ([`TrustedIssuer`]), and turns a token into
//! [`Claims`](tenancy_core::request::Claims).
//!
//! ```
//! use tenancy_core::request::VerifiedClaims;
//! use tenancy_jwt::{KeyAlgorithm, TokenError, TokenVerifier, VerificationKey};
//!
//! # use tenancy_jwt::TokenSigner;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let secret = b"a secret of thirty-two bytes, ok".to_vec().into();
//! let verifier = TokenVerifier::builder()
//!     .with_key(VerificationKey::hmac(None, KeyAlgorithm::Hs256, &secret)?)
//!     .with_issuer("https://login.example")
//!     .with_audience("notes")
//!     .build()?;
//!
//! # let signer = TokenSigner::hs256(None, &secret)?.with_issuer("https://login.example").with_audience("notes");
//! # let claim = tenancy_core::request::ClaimPath::literal("tenant_id")?;
//! # let token = signer.sign(&"alice".parse::<tenancy_core::names::Subject>()?, Some("acme"), &claim, 60)?;
//! // Waits where the token names a key that its issuer has published since the last fetch.
//! match verifier.verify_refreshing(token.as_bytes()).await {
//!     Ok(claims) => assert_eq!(claims.subject().as_str(), "alice"),
//!     Err(TokenError::KeysUnavailable) => println!("try again later"),
//!     Err(error) => println!("refused: {error}"),
//! }
//! # Ok(()) }
//! ```
//!
//! Keys are given one by one ([`VerificationKey`]), or as a key set in a file that is read again when it changes
//! ([`JwksFile`]), or as one that is fetched over HTTPS (`RemoteJwks`). [`JwtConfig`] reads all of it from a
//! configuration file.
//!
//! # Features
//!
//! - `jwks`: `RemoteJwks`, the key sets of issuers, fetched over HTTPS, and fetched again when they rotate.
//! - `testing`: an issuer that a test makes up, with keys and tokens. Turn it on under `[dev-dependencies]` alone.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod build_error;
mod builder;
mod cache;
mod config;
mod error;
mod issuer;
mod jwks;
mod key;
mod limits;
mod signer;
#[cfg(feature = "testing")]
pub mod testing;
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
    JwksFetcher, RemoteJwks, RemoteJwksBuilder, RemoteJwksError,
};
pub use jwks::{AlgorithmsError, JwksError, JwksFile, JwksFileBuilder, JwksFileError};
pub use key::{JwkProblem, KeyAlgorithm, KeyError, KeyProblem, KeySource, VerificationKey};
pub use secrecy::SecretSlice;
pub use signer::{SignTokenError, TokenSigner};
pub use verify::{TenantsShape, TokenVerifier};

/// The example of the package's README, as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

//! For the tests of applications: an issuer that a test makes up, with keys of its own, and tokens that are in order or
//! wrong in one way.
//!
//! It is the feature `testing`, which is off by default. Turn it on under `[dev-dependencies]` alone.
//!
//! ```
//! use tenancy_core::request::VerifiedClaims;
//! use tenancy_jwt::TokenError;
//! use tenancy_jwt::testing::TestIssuer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = TestIssuer::new("https://login.example", "notes");
//! let verifier = issuer.verifier().build()?;
//!
//! let token = issuer.token("alice").with_tenant("acme").sign();
//! assert_eq!(verifier.verify(token.as_bytes())?.subject().as_str(), "alice");
//!
//! for wrong in [
//!     issuer.token("alice").expired(),
//!     issuer.token("alice").not_yet_valid(),
//!     issuer.token("alice").for_audience("billing"),
//!     issuer.token("alice").by_issuer("https://login.example.evil"),
//!     issuer.token("alice").signed_by(&TestIssuer::new("https://login.example", "notes")),
//!     issuer.token("alice").with_kid("another"),
//!     issuer.token("alice").unsigned(),
//! ] {
//!     assert!(verifier.verify(wrong.sign().as_bytes()).is_err());
//! }
//! # Ok(()) }
//! ```

mod issuer;
mod token;

pub use issuer::TestIssuer;
pub use token::TestToken;

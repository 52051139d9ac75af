//! Multi-tenancy for HTTP services.

mod token;

pub use token::{
    BuildVerifierError, ClaimProblem, JsonProblem, JwtConfig, JwtConfigError, JwtKeyConfig, KeyAlgorithm, KeyError,
    KeyProblem, SecretSlice, SignTokenError, TokenError, TokenSigner, TokenVerifier, TokenVerifierBuilder,
    VerificationKey,
};

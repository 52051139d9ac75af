//! Keys: each has one algorithm and is checked before it is used, and the set that a token chooses one of.

mod algorithm;
pub(crate) mod jwk;
mod key;
pub(crate) mod key_set;
pub(crate) mod key_source;
mod roca;

pub use algorithm::KeyAlgorithm;
pub use jwk::JwkProblem;
pub use key::{KeyError, KeyProblem, VerificationKey};
pub use key_source::KeySource;

//! The cache of verified tokens: bounded, found by a keyed digest, and without any token in it.

pub(crate) mod token_cache;
pub(crate) mod token_cache_limits;
mod token_digest;
mod verify_cached;

pub use token_cache_limits::TokenCacheLimits;

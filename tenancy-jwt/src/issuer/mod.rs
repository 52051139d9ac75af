//! Issuers: which keys may speak for them, for whom their tokens are, and which tenants they are bound to.

pub(crate) mod issuer;
pub(crate) mod issuer_name;
pub(crate) mod trust;
mod trusted_issuer;

pub use trusted_issuer::TrustedIssuer;

//! The verification of a token, in the order in which it is read: compact form, header, signature, payload, times.

pub(crate) mod compact;
pub(crate) mod header;
pub(crate) mod json;
pub(crate) mod payload;
mod refreshing;
pub(crate) mod tenant_name;
mod tenants_shape;
pub(crate) mod typed_payload;
pub(crate) mod validity;
pub(crate) mod verifier;

pub use tenants_shape::TenantsShape;
pub use verifier::TokenVerifier;

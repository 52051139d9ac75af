//! Keys that carry their tenant, for what all tenants share: a cache, a Redis, a bucket.
//!
//! They are made of a [`Visit`] or an [`Admitted`], which enforcement ends in, so that a handler has no key of another tenant's, and
//! none without a tenant. What a request names, such as the name of a file, cannot leave its tenant, whatever characters it has.
//!
//! ```
//! use tenancy_core::enforce::Admitted;
//! use tenancy_keys::{Namespace, TextKeys};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sessions = TextKeys::new("sessions".parse::<Namespace>()?);
//! # let acme = Admitted::dangerously_assume(
//! #     tenancy_core::directory::TenantRecord::new("acme".parse()?, "row".parse()?),
//! #     tenancy_core::names::ResolverName::from_static("header"),
//! #     tenancy_core::names::Subject::from_static("alice"),
//! # );
//! let tenant: &Admitted = &acme;
//! assert_eq!(sessions.key(tenant, "alice"), "sessions:acme:alice");
//! assert_eq!(sessions.key(tenant, "../globex:bob"), "sessions:acme:../globex:bob");
//! # Ok(()) }
//! ```
//!
//! It needs the core alone. Without a feature it has keys that are text.
//!
//! # Features
//!
//! - `moka`: `TenantCache`, a cache in memory whose keys carry the tenant.
//! - `redis`: the pattern of a tenant's keys, and how they are deleted.
//! - `object-store`: `TenantObjects`, the objects of one tenant in any store of `object_store`.
//!
//! [`Visit`]: tenancy_core::enforce::Visit
//! [`Admitted`]: tenancy_core::enforce::Admitted

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "moka")]
mod cache;
mod namespace;
#[cfg(feature = "object-store")]
mod objects;
#[cfg(feature = "redis")]
mod redis;
mod text_keys;

#[cfg(feature = "moka")]
pub use cache::{CacheKey, CacheOfTenant, TenantCache};
pub use namespace::{Namespace, ParseNamespaceError};
#[cfg(feature = "object-store")]
pub use objects::TenantObjects;
pub use text_keys::TextKeys;

/// The example of the package's README, as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// The programs of the page on keys, which is in the repository alone.
#[cfg(all(doctest, feature = "moka", feature = "object-store", feature = "redis"))]
#[doc = include_str!("../../docs/keys.md")]
mod page {}

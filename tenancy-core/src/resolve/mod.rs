//! Resolvers: each reads one source of a tenant's name. A chain tries them in order.

mod any;
mod chain;
mod claim;
mod cookie;
mod domain;
mod header;
mod malformed;
mod path;
mod query;
mod subdomain;
mod table;

pub use any::{AnyResolver, RESOLVER_NAMES};
pub use chain::{BuildChainError, MAX_RESOLVERS, OnConflict, ResolverChain};
pub(crate) use chain::{OtherIndices, ResolutionError};
pub use claim::ClaimResolver;
pub use cookie::CookieResolver;
pub use domain::DomainResolver;
pub use header::HeaderResolver;
pub use malformed::Malformed;
pub use path::{PathResolver, PathTemplate};
pub use query::{ParameterName, QueryResolver};
pub use subdomain::SubdomainResolver;
#[cfg(feature = "serde")]
pub(crate) use table::with_built_in_resolvers;

use crate::names::{FieldName, ResolverName, TenantKey};
use crate::request::RequestView;

/// Reads one source of a tenant's name.
///
/// Silence is not a fault: a source that is not there is `Ok(None)`. One that is there and cannot be
/// read is an error that ends the request. It is never taken for silence.
#[doc(alias = "custom resolver")]
#[doc(alias = "tenant resolution")]
pub trait Resolver: Send + Sync {
    /// The resolver's name, as configuration and provenance spell it. Unique in a chain.
    fn name(&self) -> ResolverName;

    /// Reads the source. The same request must have the same answer: where sources must agree, a resolver
    /// may be called twice.
    ///
    /// # Errors
    ///
    /// Where the source is present and malformed, or repeated.
    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed>;

    /// As [`resolve`](Self::resolve), into the slot where the key stays: it is large to move. Where nothing is named, `key`
    /// stays as it is. Default: by `resolve`.
    ///
    /// # Errors
    ///
    /// As `resolve`.
    fn resolve_into(&self, request: &RequestView<'_>, key: &mut Option<TenantKey>) -> Result<(), Malformed> {
        if let Some(named) = self.resolve(request)? {
            *key = Some(named);
        }
        Ok(())
    }

    /// Calls `visit` with each header field that the resolver may read, `Host` excepted. They
    /// become part of `Vary`. Default: none.
    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        let _ = visit;
    }

    /// Whether the resolver reads the verified claims, so that credentials are read on public
    /// routes too. Default: no.
    fn reads_claims(&self) -> bool {
        false
    }
}

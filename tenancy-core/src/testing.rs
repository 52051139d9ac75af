//! Stubs for tests. They need no tokens, no directory and no database.
//!
//! [`InsecureTestStub`] takes every caller for a member of whatever tenant a header names; the adapters build their one-line
//! stub from it. With the feature `testing`, `TestTenant` is a tenant of the test's own, with subject, issuer, roles,
//! strategy and status.

#[cfg(feature = "testing")]
mod test_tenant;

use core::convert::Infallible;
use core::future::{Future, ready};

use crate::directory::{Authorizer, Decision, Directory, TenantRecord};
use crate::enforce::{Authorize, Enforcer};
use crate::names::{FieldName, StrategyName, Subject, TenantKey};
use crate::request::Claims;
use crate::resolve::{HeaderResolver, ResolverChain};

#[cfg(feature = "testing")]
pub use test_tenant::{TestTenant, TestTenants};

/// Knows every tenant and admits everyone.
///
/// # Security
///
/// This is no security at all. It is for tests of code that stands behind tenancy.
#[derive(Clone, Copy, Debug, Default)]
pub struct InsecureTestStub;

impl InsecureTestStub {
    /// The header that names the tenant, by id: `x-tenant-id`.
    pub const HEADER: &'static str = "x-tenant-id";

    /// An enforcer that reads [`HEADER`](Self::HEADER) and nothing else.
    #[must_use]
    pub fn enforcer() -> Enforcer {
        let resolver = HeaderResolver::new(FieldName::from_static(Self::HEADER));
        Enforcer::new(ResolverChain::new().then(resolver).unwrap_or_default())
    }

    /// The claims that every caller is taken to have. Their subject is `insecure-test-stub`.
    #[must_use]
    pub fn claims() -> Claims {
        Claims::new(Subject::from_static("insecure-test-stub"))
    }

    /// The tenant of that id, whichever it is.
    fn record(key: &TenantKey) -> Option<TenantRecord> {
        match key {
            TenantKey::Id(id) => Some(TenantRecord::new(id.clone(), StrategyName::from_static("none"))),
            TenantKey::Slug(_) | TenantKey::External(_) | TenantKey::Domain(_) => None,
        }
    }
}

impl Directory for InsecureTestStub {
    type Entry = TenantRecord;
    type Error = Infallible;

    fn find(&self, key: &TenantKey) -> impl Future<Output = Result<Option<Self::Entry>, Self::Error>> + Send {
        ready(Ok(Self::record(key)))
    }

    fn peek<T>(&self, key: &TenantKey, read: impl FnOnce(Option<&Self::Entry>) -> T) -> Option<T> {
        Some(read(Self::record(key).as_ref()))
    }
}

impl Authorizer for InsecureTestStub {
    type Error = Infallible;

    fn authorize(&self, _: &Authorize<'_>) -> impl Future<Output = Result<Decision, Self::Error>> + Send {
        ready(Ok(Decision::allow_if(true)))
    }

    fn authorize_now(&self, _: &Authorize<'_>) -> Option<Decision> {
        Some(Decision::allow_if(true))
    }
}

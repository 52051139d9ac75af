//! Two tenants, `acme` with the member alice and `globex` with the member bob, and ways to bind to them.

use std::convert::Infallible;

use http::request::Parts;
use tenancy_core::directory::{Authorizer, Decision, Directory, MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::{Authorize, Enforcer};
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_core::resolve::{HeaderResolver, PathResolver, ResolverChain};
use tenancy_http::{Authenticator, ClaimsFromExtension, Credentials, SharedClaims, Tenancy};
use tokio::task::yield_now;

pub(crate) fn record(id: &str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())
}

fn directory() -> MemoryDirectory {
    let entry = |id, member: &str| MemoryEntry::new(record(id)).with_member(member.parse().unwrap());
    MemoryDirectory::new([entry("acme", "alice"), entry("globex", "bob")]).unwrap()
}

fn enforcer() -> Enforcer {
    let chain = ResolverChain::new()
        .then(HeaderResolver::new("x-tenant-id".parse().unwrap()))
        .unwrap()
        .then(PathResolver::new("/t/{tenant}".parse().unwrap()))
        .unwrap();
    Enforcer::new(chain)
}

/// Every answer is at hand; `Bearer alice` is alice.
pub(crate) fn prompt() -> Tenancy {
    Tenancy::builder(enforcer(), NamedBearer, directory())
        .with_authorizer(directory())
        .build()
}

/// As [`prompt`], and every answer must be waited for.
pub(crate) fn waiting() -> Tenancy {
    Tenancy::builder(enforcer(), NamedBearer, Waits(directory()))
        .with_authorizer(Waits(directory()))
        .build()
}

/// The application's own authentication says who the caller is, from a cookie.
pub(crate) fn by_session() -> Tenancy {
    Tenancy::builder(
        enforcer(),
        ClaimsFromExtension::<Claims>::new().with_field("cookie".parse().unwrap()),
        directory(),
    )
    .with_authorizer(directory())
    .build()
}

/// Takes the token for the subject: these tests are not about tokens.
struct NamedBearer;

impl Authenticator for NamedBearer {
    type Error = Infallible;

    async fn authenticate(&self, parts: &Parts) -> Result<Credentials<SharedClaims>, Infallible> {
        let Some(field) = parts.headers.get("authorization") else {
            return Ok(Credentials::Absent);
        };
        let subject = field.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let claims = Claims::new(subject.parse().unwrap());
        Ok(Credentials::Verified(std::sync::Arc::new(claims)))
    }

    fn each_field(&self, visit: &mut dyn FnMut(&tenancy_core::names::FieldName)) {
        visit(&"authorization".parse().unwrap());
    }
}

struct Waits(MemoryDirectory);

impl Directory for Waits {
    type Entry = <MemoryDirectory as Directory>::Entry;
    type Error = Infallible;

    async fn find(&self, key: &TenantKey) -> Result<Option<Self::Entry>, Infallible> {
        yield_now().await;
        self.0.find(key).await
    }
}

impl Authorizer for Waits {
    type Error = Infallible;

    async fn authorize(&self, asked: &Authorize<'_>) -> Result<Decision, Infallible> {
        yield_now().await;
        self.0.authorize(asked).await
    }
}

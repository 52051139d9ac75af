//! Two tenants, `acme` with the member alice and `globex` with the member bob, and ways to bind to them.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::two_tenants::enforcer;
use http::request::Parts;
use tenancy_core::directory::{Authorizer, Decision, Directory, MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::{Authorize, Enforcer};
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_core::resolve::{PathResolver, ResolverChain};
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{Authenticator, ClaimsFromExtension, Credentials, SharedClaims, Tenancy};
use tokio::task::yield_now;

pub(crate) fn record(id: &str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())
}

fn directory() -> MemoryDirectory {
    let entry = |id, member: &str| MemoryEntry::new(record(id)).with_member(member.parse().unwrap());
    MemoryDirectory::new([entry("acme", "alice"), entry("globex", "bob")]).unwrap()
}

/// Every answer is available at once; `Bearer alice` is alice.
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

/// Reads the path alone, and takes everyone for a member.
pub(crate) fn by_path_for_everyone() -> Tenancy {
    let chain = ResolverChain::new()
        .then(PathResolver::new("/t/{tenant}".parse().unwrap()))
        .unwrap();
    Tenancy::builder(Enforcer::new(chain), NamedBearer, directory())
        .with_authorizer(InsecureTestStub)
        .build()
}

/// As [`prompt`], and counts look-ups.
pub(crate) fn counting(look_ups: Arc<AtomicUsize>) -> Tenancy {
    let directory = Counts(directory(), look_ups);
    Tenancy::builder(enforcer(), NamedBearer, directory)
        .with_authorizer(self::directory())
        .build()
}

/// As [`waiting`], with a directory and an authorizer that answer in these ways.
pub(crate) fn answering(directory: Answers, authorizer: Answers) -> Tenancy {
    // Only what never answers is cut off soon.
    let timeout = match (directory, authorizer) {
        (Answers::Never, _) | (_, Answers::Never) => Duration::from_millis(1),
        _ => Duration::from_secs(60),
    };
    Tenancy::builder(enforcer(), NamedBearer, directory)
        .with_authorizer(authorizer)
        .with_timeout(timeout)
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
        Ok(Credentials::Verified(Arc::new(claims)))
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

/// A directory that counts how often it is queried.
struct Counts(MemoryDirectory, Arc<AtomicUsize>);

impl Directory for Counts {
    type Entry = <MemoryDirectory as Directory>::Entry;
    type Error = Infallible;

    async fn find(&self, key: &TenantKey) -> Result<Option<Self::Entry>, Infallible> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.find(key).await
    }
}

/// How a directory or an authorizer answers, after a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answers {
    /// Every key is a tenant's, and every caller a member.
    Yes,
    /// With the tenant `globex`, whatever the key is.
    Globex,
    /// Not: it fails.
    Fails,
    /// Never.
    Never,
}

#[derive(Debug)]
pub(crate) struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl std::error::Error for Down {}

impl Directory for Answers {
    type Entry = TenantRecord;
    type Error = Down;

    async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Down> {
        yield_now().await;
        match self {
            Self::Yes => Ok(Some(record(key.as_str()))),
            Self::Globex => Ok(Some(record("globex"))),
            Self::Fails => Err(Down),
            Self::Never => pending().await,
        }
    }
}

impl Authorizer for Answers {
    type Error = Down;

    async fn authorize(&self, _: &Authorize<'_>) -> Result<Decision, Down> {
        yield_now().await;
        match self {
            Self::Yes | Self::Globex => Ok(Decision::allow_if(true)),
            Self::Fails => Err(Down),
            Self::Never => pending().await,
        }
    }
}

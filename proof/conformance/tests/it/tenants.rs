//! Two tenants, `acme` with the member alice and `globex` with the member bob, and ways to bind to them.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::probe::Note;
use crate::two_tenants::enforcer;
use http::request::Parts;
use tenancy_core::directory::{Authorizer, Decision, Directory, MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::{Authorize, Enforcer};
use tenancy_core::names::TenantKey;
use tenancy_core::request::{Claims, SharedPayload};
use tenancy_core::resolve::{PathResolver, ResolverChain};
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{Authenticator, ClaimsFromExtension, Credentials, SharedClaims, Tenancy, TenantLimiter};
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

/// As [`prompt`] or as [`waiting`], with limits of each tenant.
pub(crate) fn limited(waits: bool, limiter: &Arc<TenantLimiter>) -> Tenancy {
    let limiter = Arc::clone(limiter);
    if waits {
        let builder = Tenancy::builder(enforcer(), NamedBearer, Waits(directory()));
        builder.with_authorizer(Waits(directory())).with_limits(limiter).build()
    } else {
        let builder = Tenancy::builder(enforcer(), NamedBearer, directory());
        builder.with_authorizer(directory()).with_limits(limiter).build()
    }
}

/// As [`limited`], and the busiest tenants are a label of metrics.
pub(crate) fn labelled(limiter: TenantLimiter) -> Tenancy {
    let builder = Tenancy::builder(enforcer(), NamedBearer, directory());
    let builder = builder.with_authorizer(directory()).with_limits(limiter);
    builder.with_tenant_label().build()
}

/// As [`prompt`], and the caller is who the field `x-user` says.
pub(crate) fn by_user() -> Tenancy {
    Tenancy::builder(enforcer(), NamedUser, directory())
        .with_authorizer(directory())
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
        let named = field.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        if named == "bad" {
            return Ok(Credentials::Invalid);
        }
        let note = SharedPayload::new(Note(format!("a note of {named}")));
        Ok(Credentials::Verified(Arc::new(claims(named).with_payload(note))))
    }

    fn each_field(&self, visit: &mut dyn FnMut(&tenancy_core::names::FieldName)) {
        visit(&"authorization".parse().unwrap());
    }
}

/// Takes the field `x-user` for the subject.
struct NamedUser;

impl Authenticator for NamedUser {
    type Error = Infallible;

    async fn authenticate(&self, parts: &Parts) -> Result<Credentials<SharedClaims>, Infallible> {
        Ok(match parts.headers.get("x-user") {
            Some(user) => {
                let payload = SharedPayload::new(7_u64);
                Credentials::Verified(Arc::new(claims(user.to_str().unwrap()).with_payload(payload)))
            }
            None => Credentials::Absent,
        })
    }

    fn each_field(&self, visit: &mut dyn FnMut(&tenancy_core::names::FieldName)) {
        visit(&"x-user".parse().unwrap());
    }
}

/// A subject, perhaps one of an issuer: `alice`, `alice@one`. `staff` is staff of the platform.
fn claims(named: &str) -> Claims {
    let (subject, issuer) = named.split_once('@').unwrap_or((named, ""));
    let claims = Claims::new(subject.parse().unwrap()).with_platform_staff(subject == "staff");
    match issuer {
        "" => claims,
        issuer => claims.with_issuer(issuer),
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

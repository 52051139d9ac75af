//! Decisions explained: in the log, and on demand. Never to the client.
#![cfg(feature = "cache")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tenancy_core::directory::{Directory, MemoryDirectory, MemoryEntry, TenantRecord, TenantStatus};
use tenancy_core::enforce::{Cause, Enforcer};
use tenancy_core::names::TenantKey;
use tenancy_core::request::{Actor, Claims};
use tenancy_core::resolve::{HeaderResolver, PathResolver, ResolverChain};
use tenancy_http::{Authenticator, Credentials, SharedClaims, Tenancy};
use tower::{Layer, ServiceExt, service_fn};
use tracing::Level;

use crate::log::Log;

/// Takes the token for the subject, and what follows a plus sign for who acts in their place. `down` cannot be verified, and `bad` is
/// not valid.
struct Named;

fn claims(token: &str) -> Claims {
    let (subject, actor) = token
        .split_once('+')
        .map_or((token, None), |(subject, actor)| (subject, Some(actor)));
    let claims = Claims::new(subject.parse().unwrap()).with_issuer("https://issuer.example");
    let Some(actor) = actor else { return claims };
    let acting = |subject: &str| Actor::new(subject.parse().unwrap());
    claims.with_actor(match actor.split_once('#') {
        Some((actor, "writes")) => acting(actor)
            .with_issuer("https://staff.example".into())
            .dangerously_let_write(),
        Some((actor, grant)) => acting(actor).with_grant(grant.parse().unwrap()),
        None => acting(actor),
    })
}

#[derive(Debug)]
struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store is down")
    }
}

impl std::error::Error for Down {}

impl Authenticator for Named {
    type Error = Down;

    async fn authenticate(&self, parts: &Parts) -> Result<Credentials<SharedClaims>, Down> {
        Ok(
            match parts.headers.get("authorization").map(|name| name.to_str().unwrap()) {
                None => Credentials::Absent,
                Some("bad") => Credentials::Invalid,
                Some("down") => return Err(Down),
                Some(token) => Credentials::Verified(Arc::new(claims(token))),
            },
        )
    }
}

/// A directory in which `down` cannot be looked up. It lends what it has, or has to be waited for.
#[derive(Clone)]
struct Tenants {
    tenants: MemoryDirectory,
    waits: bool,
}

impl Directory for Tenants {
    type Entry = <MemoryDirectory as Directory>::Entry;
    type Error = Down;

    async fn find(&self, key: &TenantKey) -> Result<Option<Self::Entry>, Down> {
        if key.as_str() == "down" {
            return Err(Down);
        }
        self.tenants.find(key).await.map_err(|never: Infallible| match never {})
    }

    fn peek<T>(&self, key: &TenantKey, read: impl FnOnce(Option<&Self::Entry>) -> T) -> Option<T> {
        if self.waits || key.as_str() == "down" {
            return None;
        }
        self.tenants.peek(key, read)
    }
}

fn tenancy(waits: bool) -> Tenancy {
    let record = |id: &str| TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap());
    let suspended = record("initech").with_status(TenantStatus::Suspended);
    let tenants = MemoryDirectory::new([
        MemoryEntry::new(record("acme").with_slug("acme-inc".parse().unwrap())).with_member("alice".parse().unwrap()),
        MemoryEntry::new(record("globex")),
        MemoryEntry::new(suspended).with_member("alice".parse().unwrap()),
    ])
    .unwrap();
    let chain = ResolverChain::new()
        .then(HeaderResolver::new("x-tenant-id".parse().unwrap()))
        .unwrap()
        .then(PathResolver::new("/t/{tenant}".parse().unwrap()))
        .unwrap();
    let authorizer = tenants.clone();
    Tenancy::builder(Enforcer::new(chain), Named, Tenants { tenants, waits })
        .with_authorizer(authorizer)
        .build()
}

fn parts(path: &str, fields: &[(&str, &str)]) -> Parts {
    let request = Request::get(path);
    let request = fields
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap().into_parts().0
}

const ALICE: (&str, &str) = ("authorization", "alice");

type Row<'r> = (&'r str, &'r [(&'r str, &'r str)], u16, &'r [&'r str]);

const ROWS: [Row<'_>; 12] = [
    (
        "/t/acme-inc",
        &[ALICE],
        200,
        &[
            "policy Scoped",
            "credentials verified: subject `alice` of issuer `https://issuer.example`",
            "resolver `header`: no match",
            "resolver `path`: slug `acme-inc`",
            "directory: slug `acme-inc` is the tenant `acme`, active",
            "authorizer: a member",
            "admitted to `acme`",
        ],
    ),
    (
        "/",
        &[ALICE, ("x-tenant-id", "globex")],
        403,
        &[
            "resolver `header`: id `globex`",
            "resolver `path`: not reached",
            "directory: id `globex` is the tenant `globex`, active",
            "authorizer: no member",
            "refused with 403 forbidden: the caller is not a member of the tenant",
        ],
    ),
    (
        "/",
        &[ALICE, ("x-tenant-id", "initech")],
        403,
        &[
            "is the tenant `initech`, suspended",
            "refused with 403 forbidden: the tenant is suspended",
        ],
    ),
    (
        "/",
        &[ALICE, ("x-tenant-id", "nobody")],
        403,
        &[
            "directory: id `nobody` is unknown",
            "refused with 403 forbidden: the directory knows no such tenant",
        ],
    ),
    (
        "/",
        &[ALICE, ("x-tenant-id", "se%cret")],
        400,
        &[
            "resolver `header`: the tenant's name is malformed or repeated",
            "resolver `path`: not reached",
            "refused with 400 malformed_tenant",
        ],
    ),
    (
        "/t/acme-inc",
        &[("authorization", "bad")],
        401,
        &[
            "credentials invalid",
            "resolver `header`: not reached",
            "refused with 401 invalid_token",
        ],
    ),
    (
        "/",
        &[],
        401,
        &[
            "credentials absent",
            "resolver `path`: no match",
            "refused with 401 tenant_required",
        ],
    ),
    // A subject is a text of its issuer's, which may choose one that looks like a step.
    (
        "/",
        &[("authorization", "a`; admitted to `acme"), ("x-tenant-id", "globex")],
        403,
        &[
            r"subject `a\`; admitted to \`acme` of issuer",
            "directory: id `globex` is the tenant `globex`, active",
            "refused with 403 forbidden: the caller is not a member of the tenant",
        ],
    ),
    (
        "/t/acme-inc",
        &[("authorization", "alice+ca`rol")],
        200,
        &[
            "is the tenant `acme`, active",
            r"subject `alice` of issuer `https://issuer.example`, in whose place `ca\`rol` reads",
            "authorizer: a member",
        ],
    ),
    (
        "/t/acme-inc",
        &[("authorization", "alice+carol#writes")],
        200,
        &[
            "is the tenant `acme`, active",
            "in whose place `carol` of issuer `https://staff.example` acts",
            "authorizer: a member",
        ],
    ),
    (
        "/t/acme-inc",
        &[("authorization", "carol+carol#g1")],
        403,
        &[
            "is the tenant `acme`, active",
            "subject `carol` of issuer `https://issuer.example`, in whose place `carol` reads by the grant `g1`",
            "authorizer: no member",
        ],
    ),
    (
        "/",
        &[ALICE, ("x-tenant-id", "down")],
        503,
        &[
            "directory: id `down` could not be looked up",
            "refused with 503 unavailable",
        ],
    ),
];

/// The log has one event for each decision, with tenant and subject; the client gets the uniform answer.
#[tokio::test]
async fn decisions_are_explained_in_the_log() {
    for waits in [false, true] {
        let service = tenancy(waits).scoped().layer(service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::default()))
        }));
        for (path, fields, status, told) in ROWS {
            let (log, guard) = Log::capture_at(Level::DEBUG);
            let request = Request::from_parts(parts(path, fields), ());
            let response = service.clone().oneshot(request).await.unwrap();
            drop(guard);
            assert_eq!(response.status(), status, "{path} {fields:?}");
            let text = log.text();
            let explained: Vec<_> = text.lines().filter(|line| line.contains("tenancy::explain")).collect();
            let [explained] = explained[..] else {
                unreachable!("{path} {fields:?}: {text}")
            };
            for part in told {
                assert!(explained.contains(part), "{part} in {explained}");
            }
            assert!(!explained.contains("se%cret"), "{explained}");
            assert_eq!(
                explained.contains("subject=\"alice\""),
                fields.iter().any(|(_, value)| value.split('+').next() == Some("alice")),
                "{explained}"
            );
            let finds = told.iter().any(|part| part.contains("is the tenant"));
            assert_eq!(explained.contains("tenant=\""), finds, "{explained}");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            for secret in ["globex", "suspended", "initech", "resolver", "member"] {
                assert!(!body.contains(secret), "{body}");
            }
        }
    }
}

/// Nothing is explained, and nothing more is asked, unless the level asks for it.
#[tokio::test]
async fn without_the_level_nothing_is_explained() {
    let (log, _guard) = Log::capture();
    let service = tenancy(false).scoped().layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::default()))
    }));
    let request = Request::from_parts(parts("/t/acme-inc", &[ALICE]), ());
    assert_eq!(service.oneshot(request).await.unwrap().status(), 200);
    assert_eq!(log.text(), "");
}

/// The explanation of an inner layer ends in its own decision, which is not the answer where the outer one contradicts it.
#[tokio::test]
async fn a_refusal_by_the_outer_layer_is_told_behind_the_inner_ones_decision() {
    let outer = tenancy(false).scoped();
    // Another engine, to which a header of another name names the tenant.
    let chain = ResolverChain::new().then(HeaderResolver::new("x-other".parse().unwrap()));
    let initech = TenantRecord::new("initech".parse().unwrap(), "row".parse().unwrap());
    let tenants = MemoryDirectory::new([MemoryEntry::new(initech).with_member("alice".parse().unwrap())]).unwrap();
    let inner = Tenancy::builder(Enforcer::new(chain.unwrap()), Named, tenants.clone())
        .with_authorizer(tenants)
        .build()
        .scoped();
    let service = outer.layer(inner.layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::default()))
    })));
    let (log, guard) = Log::capture_at(Level::DEBUG);
    let request = Request::from_parts(parts("/t/acme-inc", &[ALICE, ("x-other", "initech")]), ());
    let response = service.oneshot(request).await.unwrap();
    drop(guard);
    assert_eq!(response.status(), 403);
    let text = log.text();
    let explained: Vec<_> = text.lines().filter(|line| line.contains("tenancy::explain")).collect();
    let [outer, inner, refused] = explained[..] else {
        unreachable!("{text}")
    };
    assert!(outer.contains("admitted to `acme`"), "{outer}");
    assert!(inner.contains("admitted to `initech`"), "{inner}");
    assert!(refused.contains("refused with 403 forbidden: "), "{refused}");
}

#[tokio::test]
async fn a_layer_explains_on_demand() {
    let tenancy = tenancy(true);
    for (path, fields, status, told) in ROWS {
        let explanation = tenancy.scoped().explain(&parts(path, fields)).await.unwrap();
        let text = format!("{explanation:#}");
        for part in told {
            assert!(text.lines().any(|line| line.contains(part)), "{part} in {text}");
        }
        let decided = explanation
            .decided()
            .map_or_else(|rejection| rejection.status(), |_| 200);
        assert_eq!(decided, status, "{path} {fields:?}");
        assert_eq!(
            text.contains("fault: failed to query the directory: the store is down"),
            status == 503,
            "{text}"
        );
    }
    let caller = tenancy.authenticated().explain(&parts("/", &[ALICE])).await.unwrap();
    assert!(caller.to_string().ends_with("admitted as a caller"), "{caller}");
    let nobody = tenancy.authenticated().explain(&parts("/", &[])).await.unwrap();
    assert_eq!(nobody.decided().unwrap_err().cause(), Cause::NoCredentials);
    let down = tenancy
        .scoped()
        .explain(&parts("/", &[("authorization", "down")]))
        .await;
    assert_eq!(down.unwrap_err().cause(), Cause::AuthenticatorUnavailable);
}

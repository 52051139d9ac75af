//! Sessions of impersonation beside the credentials of everyone else.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::request::Parts;
use http::{Request, Response};
use http_body_util::Full;
use tenancy_core::context;
use tenancy_core::directory::{ClaimMembership, Impersonations};
use tenancy_core::enforce::{Admitted, Standing};
use tenancy_core::names::{GrantId, TenantKey};
use tenancy_core::request::{Actor, Claims};
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{Authenticator, ClaimsFromExtension, Credentials, SharedClaims, Tenancy, WithImpersonation};
use tower::{Layer, ServiceExt, service_fn};

use crate::log::Log;

/// Knows one session, and whether it lasts.
#[derive(Clone, Debug)]
struct Sessions {
    claims: Claims,
    lasts: bool,
    is_down: bool,
    /// How often it was asked how a session begins: once for each look at a token.
    looks: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Down;

impl std::fmt::Display for Down {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("down")
    }
}

impl std::error::Error for Down {}

impl Impersonations for Sessions {
    type Error = Down;

    fn session_prefix(&self) -> &str {
        self.looks.fetch_add(1, Ordering::Relaxed);
        "session-"
    }

    async fn session(&self, secret: &str) -> Result<Option<Claims>, Down> {
        if self.is_down {
            return Err(Down);
        }
        Ok((secret == "session-1").then(|| self.claims.clone()))
    }

    async fn lasts(&self, grant: &GrantId) -> Result<bool, Down> {
        Ok(self.lasts && grant.as_str() == "g1")
    }
}

fn sessions() -> Sessions {
    let acme = TenantKey::Id("acme".parse().unwrap());
    let actor = Actor::new("carol".parse().unwrap()).with_grant("g1".parse().unwrap());
    Sessions {
        claims: Claims::new("carol".parse().unwrap())
            .with_tenant(acme)
            .with_actor(actor),
        lasts: true,
        is_down: false,
        looks: Arc::default(),
    }
}

struct Answer {
    status: u16,
    vary: String,
    admitted: Option<Admitted>,
    log: String,
    looks: usize,
}

/// A request of alice's, whose own credential stands in an extension, with this field `Authorization`.
async fn answer(sessions: Option<Sessions>, tenant: &str, authorization: Option<&str>) -> Answer {
    let (log, _guard) = Log::capture();
    let others = ClaimsFromExtension::<Claims>::new().with_field("cookie".parse().unwrap());
    let looks = sessions.as_ref().map(|sessions| Arc::clone(&sessions.looks));
    let authenticator = WithImpersonation::if_some(sessions.clone(), others);
    let builder = Tenancy::builder(InsecureTestStub::enforcer(), authenticator, InsecureTestStub);
    let members = WithImpersonation::if_some(sessions, ClaimMembership);
    let tenancy: Tenancy = builder.with_authorizer(members).build();
    let seen = Arc::new(Mutex::new(None));
    let see = Arc::clone(&seen);
    let service = tenancy.scoped().layer(service_fn(move |_: Request<()>| {
        *see.lock().unwrap() = context::current().ok();
        async { Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::default())) }
    }));
    let mut request = Request::get("/").header("x-tenant-id", tenant).extension(alice());
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
    let vary = response.headers().get("vary").unwrap().to_str().unwrap().to_lowercase();
    let admitted = seen.lock().unwrap().take();
    let log = log.text();
    Answer {
        status: response.status().as_u16(),
        vary,
        admitted,
        log,
        looks: looks.map_or(0, |looks| looks.load(Ordering::Relaxed)),
    }
}

#[tokio::test]
async fn a_session_is_found_before_other_credentials_and_written_down() {
    let found = answer(Some(sessions()), "acme", Some("bEARER session-1")).await;
    let admitted = found.admitted.unwrap();
    assert_eq!((found.status, admitted.standing()), (200, Standing::Impersonation));
    assert_eq!((admitted.subject().as_str(), admitted.is_read_only()), ("carol", true));
    for part in ["INFO", "tenancy::audit", "acme", "carol", "g1"] {
        assert!(found.log.contains(part), "{part}: {}", found.log);
    }
    assert_eq!(found.log.matches("tenancy::audit").count(), 1, "once: {}", found.log);
    assert!(!found.log.contains("session-1"), "{}", found.log);
    assert_eq!(found.vary.matches("authorization").count(), 1, "{}", found.vary);
    assert!(found.vary.contains("cookie"), "{}", found.vary);

    let without = answer(None, "acme", None).await;
    assert!(!without.vary.contains("authorization"), "{}", without.vary);
}

#[tokio::test]
async fn a_session_is_good_while_it_lasts_in_its_tenant_and_everything_else_is_the_others() {
    let over = Sessions {
        lasts: false,
        ..sessions()
    };
    let down = Sessions {
        is_down: true,
        ..sessions()
    };
    for (sessions, tenant, authorization, expected) in [
        (Some(sessions()), "acme", "Bearer session-1", (200, Some("carol"))),
        (Some(sessions()), "acme", "Bearer session-2", (401, None)),
        (Some(sessions()), "globex", "Bearer session-1", (403, None)),
        (Some(over), "acme", "Bearer session-1", (403, None)),
        (Some(down.clone()), "acme", "Bearer session-1", (503, None)),
        // Not presented as one.
        (Some(down.clone()), "acme", "Basic session-1", (200, Some("alice"))),
        (Some(down.clone()), "acme", "Bearer x-session-1", (200, Some("alice"))),
        (
            Some(down),
            "acme",
            "Bearer session-1, Bearer session-1",
            (200, Some("alice")),
        ),
        // Not turned on.
        (None, "acme", "Bearer session-1", (200, Some("alice"))),
    ] {
        let line = format!("{authorization} in {tenant} by {sessions:?}");
        let answer = answer(sessions, tenant, Some(authorization)).await;
        let subject = answer.admitted.as_ref().map(|admitted| admitted.subject().as_str());
        assert_eq!((answer.status, subject), expected, "{line}");
    }
}

/// What else is presented costs one look, whether the others' claims are in the request or have to be read.
#[tokio::test]
async fn a_token_is_looked_at_once() {
    let others = answer(Some(sessions()), "acme", Some("Bearer token")).await;
    assert_eq!((others.status, others.looks), (200, 1), "claims of an extension");

    let sessions = sessions();
    let looks = Arc::clone(&sessions.looks);
    let authenticator = WithImpersonation::new(sessions, BearerAlice);
    let tenancy: Tenancy = Tenancy::builder(InsecureTestStub::enforcer(), authenticator, InsecureTestStub).build();
    let service = tenancy.scoped().layer(service_fn(|_: Request<()>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::default()))
    }));
    let request = Request::get("/")
        .header("x-tenant-id", "acme")
        .header("authorization", "Bearer token");
    let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
    let looks = looks.load(Ordering::Relaxed);
    assert_eq!(
        (response.status().as_u16(), looks),
        (200, 1),
        "a token that is verified"
    );
}

/// Takes every request for alice's, as one who verifies tokens does without waiting.
struct BearerAlice;

impl Authenticator for BearerAlice {
    type Error = std::convert::Infallible;

    async fn authenticate(&self, _: &Parts) -> Result<Credentials<SharedClaims>, Self::Error> {
        Ok(Credentials::Verified(Arc::new(alice())))
    }

    fn authenticate_now(&self, _: &Parts) -> Option<Credentials<SharedClaims>> {
        Some(Credentials::Verified(Arc::new(alice())))
    }
}

fn alice() -> Claims {
    Claims::new("alice".parse().unwrap()).with_tenant(TenantKey::Id("acme".parse().unwrap()))
}

/// A grant that nobody can look up lets nobody in, whatever the other authorizer says.
#[tokio::test]
async fn claims_with_a_grant_are_nothing_without_sessions() {
    let members = WithImpersonation::<Sessions, _>::if_some(None, ClaimMembership);
    let authenticator = ClaimsFromExtension::<Claims>::new();
    let builder = Tenancy::builder(InsecureTestStub::enforcer(), authenticator, InsecureTestStub);
    let tenancy: Tenancy = builder.with_authorizer(members).build();
    let service = tenancy.scoped().layer(service_fn(|_: Request<()>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::default()))
    }));
    let request = Request::get("/")
        .header("x-tenant-id", "acme")
        .extension(sessions().claims);
    let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
    assert_eq!(response.status().as_u16(), 403);
}

//! Routers under access policies in every shape that axum has, and the answers that only a fault brings about.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use axum::routing::{any, get};
use http_body_util::BodyExt;
use tenancy_axum::{Tenancy, Tenant, Visitor};
use tenancy_core::context;
use tenancy_core::directory::{Authorizer, Decision, Directory, MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::{Authorize, Enforcer};
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_core::resolve::{ClaimResolver, HeaderResolver, OnConflict, PathResolver, ResolverChain};
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::ClaimsFromExtension;
use tower::ServiceExt;

/// Two tenants, `acme` with the member alice and `globex`, whose members are unknown.
fn directory() -> MemoryDirectory {
    let entry = |id: &str| MemoryEntry::new(TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap()));
    MemoryDirectory::new([entry("acme").with_member("alice".parse().unwrap()), entry("globex")]).unwrap()
}

fn enforcer() -> Enforcer {
    let chain = ResolverChain::new()
        .then(HeaderResolver::new("x-tenant-id".parse().unwrap()))
        .unwrap()
        .then(PathResolver::new("/t/{tenant}".parse().unwrap()))
        .unwrap();
    Enforcer::new(chain)
}

fn tenancy() -> Tenancy {
    Tenancy::builder(
        enforcer(),
        ClaimsFromExtension::<Claims>::new().with_field("authorization".parse().unwrap()),
        directory(),
    )
    .with_authorizer(directory())
    .build()
}

async fn whoami(tenant: Tenant) -> String {
    tokio::task::yield_now().await;
    assert_eq!(context::current().unwrap(), tenant.0);
    format!("{} {} {}", tenant.id(), tenant.resolver(), tenant.subject())
}

async fn portal(visit: Visitor) -> String {
    visit.id().to_string()
}

async fn maybe(tenant: Option<Tenant>) -> String {
    tenant.map_or_else(|| "none".into(), |tenant| tenant.id().to_string())
}

fn request(uri: &str, subject: Option<&str>, tenant: Option<&str>) -> Request<Body> {
    let mut request = Request::get(uri).body(Body::empty()).unwrap();
    if let Some(subject) = subject {
        request.extensions_mut().insert(Claims::new(subject.parse().unwrap()));
    }
    if let Some(tenant) = tenant {
        request.headers_mut().insert("x-tenant-id", tenant.parse().unwrap());
    }
    request
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

async fn send(app: &Router, request: Request<Body>) -> Answer {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    }
}

async fn ask(app: &Router, uri: &str, subject: Option<&str>, tenant: Option<&str>) -> (u16, String) {
    let answer = send(app, request(uri, subject, tenant)).await;
    let body = match serde_json::from_str::<serde_json::Value>(&answer.body) {
        Ok(problem) if problem.is_object() => problem["code"].as_str().unwrap().to_owned(),
        _ => answer.body,
    };
    (answer.status, body)
}

fn is(status: u16, body: &str) -> (u16, String) {
    (status, body.to_owned())
}

#[tokio::test]
async fn each_policy_has_its_answers() {
    let tenancy = tenancy();
    let app = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .merge(Router::new().route("/whoami", get(whoami)).layer(tenancy.scoped()))
        .merge(Router::new().route("/portal", get(portal)).layer(tenancy.public()))
        .merge(Router::new().route("/maybe", get(maybe)).layer(tenancy.optional()));
    for (uri, subject, tenant, expected) in [
        ("/healthz", None, Some("NOT AN ID"), is(200, "ok")),
        ("/whoami", None, None, is(401, "tenant_required")),
        ("/whoami", Some("alice"), None, is(401, "tenant_required")),
        ("/whoami", None, Some("acme"), is(401, "credentials_required")),
        ("/whoami", Some("alice"), Some("globex"), is(403, "forbidden")),
        ("/whoami", Some("alice"), Some("nobody"), is(403, "forbidden")),
        ("/whoami", Some("alice"), Some("acme"), is(200, "acme header alice")),
        ("/whoami", Some("alice"), Some("ACME"), is(400, "malformed_tenant")),
        ("/portal", None, None, is(404, "not_found")),
        ("/portal", None, Some("nobody"), is(404, "not_found")),
        ("/portal", None, Some("globex"), is(200, "globex")),
        ("/portal", Some("alice"), Some("globex"), is(200, "globex")),
        ("/maybe", None, None, is(200, "none")),
        ("/maybe", None, Some("acme"), is(401, "credentials_required")),
        ("/maybe", Some("alice"), Some("globex"), is(403, "forbidden")),
        ("/maybe", Some("alice"), Some("acme"), is(200, "acme")),
    ] {
        assert_eq!(
            ask(&app, uri, subject, tenant).await,
            expected,
            "{uri} {subject:?} {tenant:?}"
        );
    }
}

#[tokio::test]
async fn a_handler_under_no_layer_is_a_fault_that_the_client_does_not_learn() {
    let app = Router::new()
        .route("/tenant", get(whoami))
        .route("/visitor", get(portal))
        .route("/option", get(maybe))
        .merge(Router::new().route("/visit", get(whoami)).layer(tenancy().public()))
        .merge(
            Router::new()
                .route("/visit-option", get(maybe))
                .layer(tenancy().public()),
        );
    for uri in ["/tenant", "/visitor", "/option", "/visit", "/visit-option"] {
        let answer = send(&app, request(uri, Some("alice"), Some("acme"))).await;
        assert_eq!(answer.status, 500, "{uri}");
        assert_eq!(
            answer.body, r#"{"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal"}"#,
            "{uri}"
        );
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn a_required_tenant_on_an_optional_route_is_required() {
    let app = Router::new().route("/", get(whoami)).layer(tenancy().optional());
    assert_eq!(ask(&app, "/", None, None).await, is(401, "tenant_required"));
}

#[tokio::test]
async fn nested_routers_see_the_path_that_the_client_sent() {
    let tenancy = tenancy();
    let inner = Router::new().route("/whoami", get(whoami)).layer(tenancy.scoped());
    let app = Router::new()
        .nest("/t/{tenant}", inner.clone())
        .nest("/v1", Router::new().nest("/x", inner));
    assert_eq!(
        ask(&app, "/t/acme/whoami", Some("alice"), None).await,
        is(200, "acme path alice")
    );
    assert_eq!(
        ask(&app, "/t/globex/whoami", Some("alice"), None).await,
        is(403, "forbidden")
    );
    assert_eq!(
        ask(&app, "/t/a%2Fb/whoami", Some("alice"), None).await,
        is(400, "malformed_tenant")
    );
    assert_eq!(
        ask(&app, "/v1/x/whoami", Some("alice"), None).await,
        is(401, "tenant_required")
    );
    assert_eq!(
        ask(&app, "/v1/x/whoami", Some("alice"), Some("acme")).await,
        is(200, "acme header alice")
    );
}

#[tokio::test]
async fn state_fallback_merge_and_route_layer() {
    async fn with_state(State(greeting): State<Arc<str>>, tenant: Tenant) -> String {
        format!("{greeting} {}", tenant.id())
    }
    let tenancy = tenancy();
    let guarded = Router::new()
        .route("/state", get(with_state))
        .route_layer(tenancy.scoped());
    let app = Router::new()
        .merge(guarded)
        .merge(
            Router::new()
                .fallback(|tenant: Tenant| async move { (StatusCode::NOT_FOUND, tenant.id().to_string()) })
                .layer(tenancy.scoped()),
        )
        .with_state(Arc::<str>::from("hi"));
    assert_eq!(
        ask(&app, "/state", Some("alice"), Some("acme")).await,
        is(200, "hi acme")
    );
    assert_eq!(ask(&app, "/state", None, None).await, is(401, "tenant_required"));
    assert_eq!(ask(&app, "/nowhere", None, None).await, is(401, "tenant_required"));
    assert_eq!(
        ask(&app, "/nowhere", Some("alice"), Some("acme")).await,
        is(404, "acme")
    );
}

#[tokio::test]
async fn inside_a_layer_access_narrows_and_never_widens() {
    let tenancy = tenancy();
    let inner = |layer| {
        Router::new()
            .route("/", any(|visit: Visitor| async move { visit.id().to_string() }))
            .layer(layer)
    };
    let scoped_in_public = inner(tenancy.scoped()).layer(tenancy.public());
    assert_eq!(
        ask(&scoped_in_public, "/", None, Some("acme")).await,
        is(401, "credentials_required")
    );
    assert_eq!(
        ask(&scoped_in_public, "/", Some("alice"), Some("globex")).await,
        is(403, "forbidden")
    );
    assert_eq!(
        ask(&scoped_in_public, "/", Some("alice"), Some("acme")).await,
        is(200, "acme")
    );
    let public_in_scoped = inner(tenancy.public()).layer(tenancy.scoped());
    assert_eq!(
        ask(&public_in_scoped, "/", None, Some("acme")).await,
        is(401, "credentials_required")
    );
    assert_eq!(
        ask(&public_in_scoped, "/", Some("alice"), Some("acme")).await,
        is(200, "acme")
    );
    let scoped_in_optional = inner(tenancy.scoped()).layer(tenancy.optional());
    assert_eq!(
        ask(&scoped_in_optional, "/", None, None).await,
        is(401, "tenant_required")
    );
    // Of another set-up too.
    let other = self::tenancy();
    let public_in_scoped = inner(other.public()).layer(tenancy.scoped());
    assert_eq!(
        ask(&public_in_scoped, "/", Some("alice"), Some("globex")).await,
        is(403, "forbidden")
    );
}

#[tokio::test]
async fn an_inner_layer_never_replaces_the_tenant() {
    let by_path = ResolverChain::new()
        .then(PathResolver::new("/t/{tenant}".parse().unwrap()))
        .unwrap();
    let by_path = Tenancy::builder(
        Enforcer::new(by_path),
        ClaimsFromExtension::<Claims>::new(),
        directory(),
    )
    // Inside, alice is a member of all: only the outer layer's tenant is in the way.
    .with_authorizer(InsecureTestStub)
    .build();
    let app = Router::new()
        .route("/t/{tenant}", get(portal))
        .layer(by_path.public())
        .layer(tenancy().scoped());
    // The header names acme outside, the path names globex inside.
    assert_eq!(
        ask(&app, "/t/globex", Some("alice"), Some("acme")).await,
        is(403, "forbidden")
    );
    assert_eq!(ask(&app, "/t/nobody", Some("alice"), Some("acme")).await.0, 403);
    assert_eq!(ask(&app, "/t/acme", Some("alice"), Some("acme")).await, is(200, "acme"));
}

#[tokio::test]
async fn a_failing_directory_or_authorizer_is_a_503_and_never_admits() {
    for (directory, authorizer) in [
        (Fails::Now, Fails::Never),
        (Fails::Never, Fails::Now),
        (Fails::Hangs, Fails::Never),
        (Fails::Never, Fails::Hangs),
    ] {
        let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), directory)
            .with_authorizer(authorizer)
            .with_timeout(Duration::from_millis(1))
            .build();
        let app = Router::new().route("/", get(whoami)).layer(tenancy.scoped());
        let answer = send(&app, request("/", Some("alice"), Some("acme"))).await;
        assert_eq!(answer.status, 503, "{directory:?} {authorizer:?}");
        assert_eq!(answer.headers["retry-after"], "1");
        assert_eq!(
            answer.body,
            r#"{"type":"about:blank","title":"Service Unavailable","status":503,"code":"unavailable"}"#
        );
    }
}

#[tokio::test]
async fn a_directory_that_answers_with_another_tenant_is_a_503() {
    let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), Fails::AnswersAnother)
        .with_authorizer(Fails::Never)
        .build();
    let app = Router::new().route("/", get(whoami)).layer(tenancy.scoped());
    assert_eq!(
        ask(&app, "/", Some("alice"), Some("acme")).await,
        is(503, "unavailable")
    );
    assert_eq!(
        ask(&app, "/", Some("alice"), Some("globex")).await,
        is(200, "globex header alice")
    );
}

#[tokio::test]
async fn answers_that_must_be_waited_for_are_the_same() {
    let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), Fails::Never)
        .with_authorizer(Fails::Never)
        .build();
    let app = Router::new()
        .route("/t/{tenant}", get(whoami))
        .route("/", get(whoami))
        .layer(tenancy.scoped());
    assert_eq!(
        ask(&app, "/", Some("alice"), Some("acme")).await,
        is(200, "acme header alice")
    );
    assert_eq!(
        ask(&app, "/t/globex", Some("bob"), None).await,
        is(200, "globex path bob")
    );
    assert_eq!(
        ask(&app, "/", None, Some("acme")).await,
        is(401, "credentials_required")
    );
}

#[tokio::test]
async fn every_answer_under_a_policy_varies_and_refusals_are_not_stored() {
    async fn varied(_: Tenant) -> Response {
        Response::builder()
            .header("vary", "accept, X-Tenant-Id")
            .body(Body::empty())
            .unwrap()
    }
    let tenancy = tenancy();
    let app = Router::new()
        .route("/", get(varied))
        .layer(tenancy.scoped())
        .merge(Router::new().route("/portal", get(portal)).layer(tenancy.public()));
    let ok = send(&app, request("/", Some("alice"), Some("acme"))).await;
    assert_eq!(
        ok.headers.get_all("vary").iter().collect::<Vec<_>>(),
        ["accept, X-Tenant-Id, authorization"]
    );
    assert!(!ok.headers.contains_key("cache-control"));
    let refused = send(&app, request("/", None, None)).await;
    assert_eq!(refused.headers["vary"], "x-tenant-id, authorization");
    assert_eq!(refused.headers["cache-control"], "no-store");
    assert_eq!(refused.headers["www-authenticate"], "Bearer");
    // A public route of a chain without `jwt_claim` reads no credentials.
    assert_eq!(
        send(&app, request("/portal", None, Some("acme"))).await.headers["vary"],
        "x-tenant-id"
    );
}

#[tokio::test]
async fn a_head_is_a_get_without_a_body() {
    let app = Router::new().route("/", get(whoami)).layer(tenancy().scoped());
    let get = send(&app, request("/", None, None)).await;
    let mut head = request("/", None, None);
    *head.method_mut() = Method::HEAD;
    let head = send(&app, head).await;
    assert_eq!((head.status, head.body.as_str()), (401, ""));
    assert_eq!(head.headers, get.headers);
    assert_eq!(head.headers["content-length"], get.body.len().to_string());
}

#[tokio::test]
async fn a_streamed_body_is_polled_in_scope() {
    struct Stream(u8);
    impl http_body::Body for Stream {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
            self.0 += 1;
            let frame = || http_body::Frame::data(context::current().unwrap().id().to_string().into());
            std::task::Poll::Ready((self.0 <= 2).then(|| Ok(frame())))
        }
    }
    async fn stream(_: Tenant) -> Body {
        Body::new(Stream(0))
    }
    let app = Router::new().route("/", get(stream)).layer(tenancy().scoped());
    assert_eq!(ask(&app, "/", Some("alice"), Some("acme")).await, is(200, "acmeacme"));
    assert!(context::bound().is_none());
}

#[tokio::test]
async fn claims_name_tenants_where_membership_is_by_claim() {
    let by_claim = |on_conflict| -> Tenancy {
        let chain = ResolverChain::new()
            .then(ClaimResolver)
            .unwrap()
            .then(HeaderResolver::new("x-tenant-id".parse().unwrap()))
            .unwrap()
            .with_on_conflict(on_conflict);
        Tenancy::builder(Enforcer::new(chain), ClaimsFromExtension::<Claims>::new(), directory()).build()
    };
    let app = |on_conflict| {
        Router::new()
            .route("/", get(whoami))
            .layer(by_claim(on_conflict).scoped())
    };
    let claims = |tenant: Option<&str>, list: &[&str]| {
        let claims =
            Claims::new("eve".parse().unwrap()).with_tenants(list.iter().map(|id| TenantKey::Id(id.parse().unwrap())));
        match tenant {
            Some(id) => claims.with_tenant(TenantKey::Id(id.parse().unwrap())),
            None => claims,
        }
    };
    for (on_conflict, claims, header, expected) in [
        (
            OnConflict::First,
            claims(Some("acme"), &[]),
            None,
            is(200, "acme jwt_claim eve"),
        ),
        (
            OnConflict::First,
            claims(Some("acme"), &[]),
            Some("globex"),
            is(200, "acme jwt_claim eve"),
        ),
        (
            OnConflict::First,
            claims(None, &["globex"]),
            Some("globex"),
            is(200, "globex header eve"),
        ),
        (
            OnConflict::First,
            claims(None, &["globex"]),
            Some("acme"),
            is(403, "forbidden"),
        ),
        (OnConflict::First, claims(None, &[]), Some("acme"), is(403, "forbidden")),
        (
            OnConflict::Reject,
            claims(Some("acme"), &[]),
            Some("acme"),
            is(200, "acme jwt_claim eve"),
        ),
        (
            OnConflict::Reject,
            claims(Some("acme"), &["globex"]),
            Some("globex"),
            is(400, "conflicting_tenants"),
        ),
        (
            OnConflict::Reject,
            claims(Some("acme"), &[]),
            Some("G"),
            is(400, "malformed_tenant"),
        ),
    ] {
        let mut request = request("/", None, header);
        request.extensions_mut().insert(claims.clone());
        let answer = send(&app(on_conflict), request).await;
        let body = serde_json::from_str::<serde_json::Value>(&answer.body)
            .map_or(answer.body, |problem| problem["code"].as_str().unwrap().to_owned());
        assert_eq!((answer.status, body), expected, "{on_conflict:?} {claims:?} {header:?}");
    }
}

#[tokio::test]
async fn an_admission_costs_one_look_up_and_a_refusal_before_it_none() {
    #[derive(Clone, Default)]
    struct Counts(Arc<std::sync::atomic::AtomicUsize>);
    impl Directory for Counts {
        type Entry = TenantRecord;
        type Error = Infallible;
        async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Infallible> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(Some(TenantRecord::new(
                key.as_str().parse().unwrap(),
                "row".parse().unwrap(),
            )))
        }
    }
    let counts = Counts::default();
    let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), counts.clone())
        .with_authorizer(directory())
        .build();
    let inner = Router::new().route("/", get(whoami)).layer(tenancy.scoped());
    let app = inner.layer(tenancy.scoped()).layer(tenancy.scoped());
    let look_ups = || counts.0.swap(0, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(ask(&app, "/", Some("alice"), Some("acme")).await.0, 200);
    assert_eq!(look_ups(), 1, "also inside layers of the same set-up");
    assert_eq!(ask(&app, "/", Some("alice"), Some("globex")).await.0, 403);
    assert_eq!(look_ups(), 1);
    for (subject, tenant) in [
        (None, None),
        (None, Some("acme")),
        (Some("alice"), None),
        (Some("alice"), Some("A")),
    ] {
        assert!(ask(&app, "/", subject, tenant).await.0 < 403);
        assert_eq!(look_ups(), 0, "{subject:?} {tenant:?}");
    }
}

/// A directory and authorizer that fails in a chosen way, and makes everyone wait.
#[derive(Clone, Copy, Debug)]
enum Fails {
    Never,
    Now,
    Hangs,
    AnswersAnother,
}

#[derive(Debug)]
struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl std::error::Error for Down {}

impl Directory for Fails {
    type Entry = TenantRecord;
    type Error = Down;

    async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Down> {
        tokio::task::yield_now().await;
        let record = |id: &str| Ok(Some(TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())));
        match self {
            Self::Never => record(key.as_str()),
            Self::Now => Err(Down),
            Self::Hangs => std::future::pending().await,
            Self::AnswersAnother => record("globex"),
        }
    }
}

impl Authorizer for Fails {
    type Error = Down;

    async fn authorize(&self, _: &Authorize<'_>) -> Result<Decision, Down> {
        tokio::task::yield_now().await;
        match self {
            Self::Never | Self::AnswersAnother => Ok(Decision::allow_if(true)),
            Self::Now => Err(Down),
            Self::Hangs => std::future::pending().await,
        }
    }
}

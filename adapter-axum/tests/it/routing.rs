//! How far an access policy reaches in axum's routing, and which path the resolver `path` reads there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use tenancy_axum::{Tenancy, Tenant};
use tenancy_core::context;
use tenancy_core::directory::TenantRecord;
use tenancy_core::directory::{MemoryDirectory, MemoryEntry};
use tenancy_core::enforce::Enforcer;
use tenancy_core::request::Claims;
use tenancy_core::resolve::{HeaderResolver, PathResolver, ResolverChain};
use tenancy_http::ClaimsFromExtension;
use tower::{Layer, Service, ServiceExt};
use tower_http::normalize_path::NormalizePathLayer;

/// One tenant, acme, whose member is alice. The path names it as `/t/{tenant}`, the header as `x-tenant-id`.
fn tenancy() -> Tenancy {
    let acme = TenantRecord::new("acme".parse().unwrap(), "row".parse().unwrap());
    let acme = MemoryEntry::new(acme).with_member("alice".parse().unwrap());
    let directory = MemoryDirectory::new([acme]).unwrap();
    let chain = ResolverChain::new()
        .then(PathResolver::new("/t/{tenant}".parse().unwrap()))
        .unwrap()
        .then(HeaderResolver::new("x-tenant-id".parse().unwrap()))
        .unwrap();
    Tenancy::builder(
        Enforcer::new(chain),
        ClaimsFromExtension::<Claims>::new(),
        directory.clone(),
    )
    .with_authorizer(directory)
    .build()
}

async fn whoami(tenant: Tenant) -> String {
    format!("{} by {}", tenant.id(), tenant.resolver())
}

async fn central() -> &'static str {
    context::bound().map_or("central", |_| "bound")
}

async fn missing() -> (StatusCode, String) {
    let tenant = context::current().map_or_else(|_| "central".into(), |tenant| tenant.id().to_string());
    (StatusCode::NOT_FOUND, format!("nothing for {tenant}"))
}

/// What a member and nobody in particular are answered.
///
/// `target` is a path, behind a method other than GET, and before ` as acme` where the header names it.
async fn ask<S>(app: &S, target: &str) -> [String; 2]
where
    S: Service<Request<Body>, Response = axum::response::Response, Error = std::convert::Infallible> + Clone,
{
    let mut answers = [String::new(), String::new()];
    for (answer, is_member) in answers.iter_mut().zip([true, false]) {
        let (path, tenant) = target
            .split_once(" as ")
            .map_or((target, None), |(path, id)| (path, Some(id)));
        let (method, path) = path.split_once(' ').unwrap_or(("GET", path));
        let mut request = Request::builder().method(method).uri(path);
        if let Some(tenant) = tenant {
            request = request.header("x-tenant-id", tenant);
        }
        if is_member {
            request = request.extension(Claims::new("alice".parse().unwrap()));
        }
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let told = match body.split_once(r#""code":""#) {
            Some((_, code)) => code.trim_end_matches(['"', '}']),
            None => &body,
        };
        *answer = format!("{status} {told}").trim_end().to_owned();
    }
    answers
}

async fn check(app: Router, rows: &[(&str, &str, &str)]) {
    for (target, member, nobody) in rows {
        assert_eq!(ask(&app, target).await, [*member, *nobody], "{target}");
    }
}

#[tokio::test]
async fn the_path_is_the_clients_own_however_deep_the_router() {
    let tenancy = tenancy();
    let inner = || Router::new().route("/whoami", get(whoami));
    let guarded = || inner().layer(tenancy.scoped());
    let app = Router::new()
        .nest("/t", Router::new().nest("/{tenant}", guarded()))
        // Under `/api` an access policy between the routers sees `/t/acme/whoami` as the request's own path.
        .nest(
            "/api",
            Router::new().nest("/t/{tenant}", inner()).layer(tenancy.scoped()),
        )
        .nest("/deep/er", Router::new().nest("/t/{tenant}", guarded()))
        .nest_service("/service", guarded());
    check(
        app,
        &[
            ("/t/acme/whoami", "200 acme by path", "401 credentials_required"),
            (
                "/t/acme/whoami?tenant=globex",
                "200 acme by path",
                "401 credentials_required",
            ),
            ("/t/%61cme/whoami", "200 acme by path", "401 credentials_required"),
            ("/t/acme%2F/whoami", "400 malformed_tenant", "400 malformed_tenant"),
            ("/api/t/acme/whoami", "401 tenant_required", "401 tenant_required"),
            (
                "/api/t/nobody/whoami as acme",
                "200 acme by header",
                "401 credentials_required",
            ),
            ("/deep/er/t/acme/whoami", "401 tenant_required", "401 tenant_required"),
            ("/service/whoami", "401 tenant_required", "401 tenant_required"),
            (
                "/service/whoami as acme",
                "200 acme by header",
                "401 credentials_required",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_policy_stays_with_its_own_router_in_a_merge() {
    let tenancy = tenancy();
    let scoped = Router::new().route("/whoami", get(whoami)).layer(tenancy.scoped());
    let before = Router::new().route("/before", get(central)).merge(scoped);
    check(
        before.merge(Router::new().route("/after", get(central))),
        &[
            ("/before as acme", "200 central", "200 central"),
            ("/after as acme", "200 central", "200 central"),
            ("/whoami as acme", "200 acme by header", "401 credentials_required"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_fallback_is_enforced_under_the_policy_only() {
    let tenancy = tenancy();
    let guarded = || Router::new().route("/whoami", get(whoami));
    let app = Router::new()
        .nest("/with", guarded().fallback(missing).layer(tenancy.scoped()))
        .nest("/without", guarded().layer(tenancy.scoped()))
        // A fallback that is added to a router afterwards stands outside of its access policy.
        .nest("/later", guarded().layer(tenancy.scoped()).fallback(missing))
        .fallback(missing);
    check(
        app,
        &[
            ("/with/x as acme", "404 nothing for acme", "401 credentials_required"),
            ("/with/x", "401 tenant_required", "401 tenant_required"),
            (
                "/without/x as acme",
                "404 nothing for central",
                "404 nothing for central",
            ),
            ("/later/x as acme", "404 nothing for central", "404 nothing for central"),
            ("/x as acme", "404 nothing for central", "404 nothing for central"),
        ],
    )
    .await;
}

/// `layer` covers paths that no route knows, `route_layer` does not; methods that a route does not know are
/// covered by both.
#[tokio::test]
async fn layer_and_route_layer() {
    let tenancy = tenancy();
    let guarded = || Router::new().route("/whoami", get(whoami)).route("/only", post(whoami));
    let rows = |unknown_path: [&'static str; 2]| {
        [
            ("/whoami as acme", "200 acme by header", "401 credentials_required"),
            ("POST /whoami as acme", "405", "401 credentials_required"),
            ("GET /only as acme", "405", "401 credentials_required"),
            ("OPTIONS /only as acme", "405", "401 credentials_required"),
            ("/x as acme", unknown_path[0], unknown_path[1]),
        ]
    };
    check(
        guarded().layer(tenancy.scoped()),
        &rows(["404", "401 credentials_required"]),
    )
    .await;
    check(guarded().route_layer(tenancy.scoped()), &rows(["404", "404"])).await;
}

/// An access policy on one method leaves the other methods of its path central.
#[tokio::test]
async fn one_method_of_a_path() {
    let tenancy = tenancy();
    let app = Router::new().route("/", get(central).merge(post(whoami).layer(tenancy.scoped())));
    check(
        app,
        &[
            ("GET / as acme", "200 central", "200 central"),
            ("HEAD / as acme", "200", "200"),
            ("POST / as acme", "200 acme by header", "401 credentials_required"),
        ],
    )
    .await;
}

/// A service around the router that rewrites the path hides the client's own: the documented exception.
#[tokio::test]
async fn a_path_that_was_rewritten_outside_is_read_as_rewritten() {
    let app = Router::new()
        .route("/t/{tenant}/whoami", get(whoami))
        .layer(tenancy().scoped());
    let unmatched = ["401 tenant_required"; 2];
    assert_eq!(ask(&app, "//t/acme/whoami").await, unmatched);
    let normalized = NormalizePathLayer::trim_trailing_slash().layer(app);
    let found = ["200 acme by path", "401 credentials_required"];
    assert_eq!(ask(&normalized, "//t/acme/whoami").await, found);
    assert_eq!(ask(&normalized, "/t/acme/whoami/").await, found);
}

//! Route tables under access policies in every shape that poem has.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::ready;
use std::sync::Arc;

use poem::http::{Method, Version};
use poem::middleware::{NormalizePath, TrailingSlash};
use poem::test::TestClient;
use poem::web::{Data, Path};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Route, get, handler};
use tenancy_core::context;
use tenancy_core::enforce::Enforcer;
use tenancy_core::request::Claims;
use tenancy_core::resolve::{ResolverChain, SubdomainResolver};
use tenancy_http::ClaimsFromExtension;
use tenancy_poem::{Tenancy, Tenant};

use crate::common;
use crate::common::{ask, is, maybe, portal, request, send, tenancy, whoami};

/// Under the path's own prefix, since a capture cannot be nested under.
fn nested(inner: impl Endpoint + 'static) -> Route {
    Route::new().nest("/t/acme", inner)
}

#[tokio::test]
async fn nested_routes_see_the_path_that_the_client_sent() {
    let tenancy = tenancy();
    let inner = || Route::new().at("/whoami", get(whoami)).with(tenancy.scoped());
    let app = Route::new()
        .nest("/t/acme", inner())
        .nest("/t/globex", inner())
        .nest("/t/a%2Fb", inner())
        .nest("/v1", Route::new().nest("/x", inner()))
        .nest_no_strip(
            "/t/nobody",
            Route::new().at("/t/nobody/whoami", get(whoami)).with(tenancy.scoped()),
        );
    for (uri, tenant, expected) in [
        ("/t/acme/whoami", None, is(200, "acme path alice")),
        ("/t/globex/whoami", None, is(403, "forbidden")),
        ("/t/a%2Fb/whoami", None, is(400, "malformed_tenant")),
        ("/t/nobody/whoami", None, is(403, "forbidden")),
        ("/v1/x/whoami", None, is(401, "tenant_required")),
        ("/v1/x/whoami", Some("acme"), is(200, "acme header alice")),
    ] {
        assert_eq!(
            ask(&app, uri, Some("alice"), tenant).await,
            expected,
            "{uri} {tenant:?}"
        );
    }
}

#[tokio::test]
async fn a_path_that_a_nested_table_makes_up_is_not_read() {
    let app = Route::new().nest("/v1", Route::new().at("/t/acme", get(whoami)).with(tenancy().scoped()));
    assert_eq!(
        ask(&app, "/v1/t/acme", Some("alice"), None).await,
        is(401, "tenant_required")
    );
}

#[tokio::test]
async fn normalized_paths_route_and_the_path_of_the_client_is_read() {
    let tenancy = tenancy();
    let inner = || Route::new().at("/whoami", get(whoami));
    let trim = || NormalizePath::new(TrailingSlash::Trim);
    let around = nested(inner().with(tenancy.scoped())).with(trim());
    let within = nested(inner().with(trim()).with(tenancy.scoped()));
    for (name, app) in [("around", around.boxed()), ("within", within.boxed())] {
        assert_eq!(
            ask(&app, "/t/acme/whoami/", Some("alice"), None).await,
            is(200, "acme path alice"),
            "{name}"
        );
    }
    // What merges to the template's path was none when the client sent it.
    let around = nested(inner().with(tenancy.scoped())).with(trim());
    assert_eq!(
        ask(&around, "//t//acme/whoami", Some("alice"), None).await,
        is(401, "tenant_required")
    );
}

#[tokio::test]
async fn captures_are_the_handlers() {
    #[handler]
    async fn note(Path((_, note)): Path<(String, String)>, tenant: Tenant) -> String {
        format!("{} {note}", tenant.id())
    }
    let app = Route::new().at("/t/:tenant/notes/:note", get(note).with(tenancy().scoped()));
    assert_eq!(
        ask(&app, "/t/%61cme/notes/a%2Fb", Some("alice"), None).await,
        is(200, "acme a/b")
    );
}

#[tokio::test]
async fn policies_stand_on_methods_routes_and_handlers() {
    #[handler]
    async fn with_data(greeting: Data<&Arc<str>>, tenant: Tenant) -> String {
        format!("{} {}", *greeting, tenant.id())
    }
    let tenancy = tenancy();
    let app = Route::new()
        .at("/data", get(with_data).with(tenancy.scoped()))
        .at(
            "/mixed",
            get(maybe.with(tenancy.optional())).post(whoami.with(tenancy.scoped())),
        )
        .nest("/members", Route::new().at("/x", get(portal)).with(tenancy.scoped()))
        .data(Arc::<str>::from("hi"));
    let of = |method: Method, uri: &str, subject, tenant| {
        let mut request = request(uri, subject, tenant);
        request.set_method(method);
        request
    };
    for (method, uri, subject, tenant, expected) in [
        (Method::GET, "/data", Some("alice"), Some("acme"), is(200, "hi acme")),
        (Method::GET, "/data", None, None, is(401, "tenant_required")),
        (Method::GET, "/mixed", None, None, is(200, "none")),
        (Method::POST, "/mixed", None, None, is(401, "tenant_required")),
        (
            Method::POST,
            "/mixed",
            Some("alice"),
            Some("acme"),
            is(200, "acme header alice"),
        ),
        // Inside the access policy, an unknown route or method is enforced as well.
        (Method::GET, "/members/x", Some("alice"), Some("acme"), is(200, "acme")),
        (Method::GET, "/members/nowhere", None, None, is(401, "tenant_required")),
        (
            Method::GET,
            "/members/nowhere",
            Some("alice"),
            Some("acme"),
            is(404, "not found"),
        ),
        (
            Method::PUT,
            "/members/x",
            None,
            Some("acme"),
            is(401, "credentials_required"),
        ),
        (
            Method::PUT,
            "/members/x",
            Some("alice"),
            Some("acme"),
            is(405, "method not allowed"),
        ),
    ] {
        let told = send(&app, of(method.clone(), uri, subject, tenant)).await.told();
        assert_eq!(told, expected, "{method} {uri} {subject:?} {tenant:?}");
    }
}

fn by_host() -> Tenancy {
    let by_host = ResolverChain::new()
        .then(SubdomainResolver::new("app.example.com".parse().unwrap()))
        .unwrap();
    Tenancy::builder(
        Enforcer::new(by_host),
        ClaimsFromExtension::<Claims>::new(),
        common::directory(),
    )
    .with_authorizer(common::directory())
    .build()
}

#[tokio::test]
async fn a_host_is_read_from_the_target_too() {
    let app = Route::new().nest("/v1", Route::new().at("/whoami", get(whoami)).with(by_host().scoped()));
    let of = |uri: &str, host: &str| {
        let mut request = request(uri, Some("alice"), None);
        request.headers_mut().insert("host", host.parse().unwrap());
        request
    };
    for (uri, host, expected) in [
        ("/v1/whoami", "acme.app.example.com", is(200, "acme subdomain alice")),
        (
            "http://acme.app.example.com/v1/whoami",
            "acme.app.example.com",
            is(200, "acme subdomain alice"),
        ),
        (
            "http://globex.app.example.com/v1/whoami",
            "globex.app.example.com",
            is(403, "forbidden"),
        ),
        (
            "http://globex.app.example.com/v1/whoami",
            "acme.app.example.com",
            is(400, "malformed_host"),
        ),
        ("/v1/whoami", "a..b", is(400, "malformed_host")),
    ] {
        assert_eq!(send(&app, of(uri, host)).await.told(), expected, "{uri} {host}");
    }
}

/// Without a host, HTTP/1.1 is malformed, while HTTP/1.0 and a CONNECT name no tenant.
#[tokio::test]
async fn version_and_method_are_the_clients() {
    let app = whoami.with(by_host().scoped());
    for (method, version, expected) in [
        (Method::GET, Version::HTTP_11, is(400, "malformed_host")),
        (Method::GET, Version::HTTP_10, is(401, "tenant_required")),
        (Method::CONNECT, Version::HTTP_11, is(401, "tenant_required")),
    ] {
        let mut request = request("/", Some("alice"), None);
        request.set_method(method.clone());
        request.set_version(version);
        assert_eq!(send(&app, request).await.told(), expected, "{method} {version:?}");
    }
}

/// As the documentation says.
#[tokio::test]
async fn requests_of_a_test_client_have_no_uri_of_a_client() {
    let client = TestClient::new(Route::new().at("/t/acme", get(whoami).with(tenancy().scoped())));
    let alice = Claims::new("alice".parse().unwrap());
    let by_path = client.get("/t/acme").data(alice.clone()).send().await;
    by_path.assert_status(poem::http::StatusCode::UNAUTHORIZED);
    let by_header = client
        .get("/t/acme")
        .data(alice)
        .header("x-tenant-id", "acme")
        .send()
        .await;
    by_header.assert_text("acme header alice").await;
}

/// What the middleware moves about is in its place again.
#[tokio::test]
async fn the_request_inside_is_the_request_outside() {
    #[handler]
    async fn seen(request: &Request, body: String) -> String {
        let field = request.header("x-field").unwrap();
        let data = request.data::<u8>().unwrap();
        let (uri, original) = (request.uri(), request.original_uri());
        let param = request.raw_path_param("id").unwrap();
        format!(
            "{} {uri} {original} {param} {:?} {field} {data} {body}",
            request.method(),
            request.version()
        )
    }
    let app = Route::new().nest("/v1", Route::new().at("/x/:id", seen).with(tenancy().optional()));
    let mut request = request("/v1/x/7?q", None, None);
    request.set_method(Method::PATCH);
    request.set_version(Version::HTTP_2);
    request.headers_mut().insert("x-field", "field".parse().unwrap());
    request.extensions_mut().insert(1_u8);
    request.set_body("body");
    assert_eq!(
        send(&app, request).await.body,
        "PATCH /x/7?q /v1/x/7?q 7 HTTP/2.0 field 1 body"
    );
}

#[tokio::test]
async fn an_endpoint_that_works_before_it_is_polled_is_in_scope() {
    struct Eager;
    impl Endpoint for Eager {
        type Output = Response;
        async fn call(&self, request: Request) -> poem::Result<Response> {
            Ok(self.get_response(request).await)
        }
        fn get_response(&self, _: Request) -> impl Future<Output = Response> + Send {
            ready(context::current().unwrap().id().to_string().into_response())
        }
    }
    let app = Eager.with(tenancy().scoped());
    assert_eq!(ask(&app, "/", Some("alice"), Some("acme")).await, is(200, "acme"));
}

//! The test kit: a handler of each framework, behind a tenancy of made-up tenants, in one line.

use bytes::Bytes;
use http::{Request, StatusCode};
use tenancy_core::directory::TenantStatus;
use tenancy_core::enforce::Admitted;
use tenancy_http::testing::{TestTenant, collect, tenancy_of};
use tower::{ServiceBuilder, ServiceExt};

/// What each handler answers.
fn seen(tenant: &Admitted) -> String {
    let roles: Vec<&str> = tenant.roles().iter().map(|role| role.as_str()).collect();
    let issuer = tenant.issuer().map_or("none", |issuer| issuer.as_str());
    format!(
        "{} {} {} {issuer} {}",
        tenant.id(),
        tenant.tenant().strategy,
        tenant.subject(),
        roles.join("+")
    )
}

fn request(tenant: Option<&str>) -> Request<Bytes> {
    let request = Request::get("/");
    let request = match tenant {
        Some(tenant) => request.header("x-tenant-id", tenant),
        None => request,
    };
    request.body(Bytes::new()).unwrap()
}

type Answer = (StatusCode, String);

async fn behind_axum(tenants: Vec<TestTenant>, request: Request<Bytes>) -> Answer {
    async fn handler(tenant: tenancy_axum::Tenant) -> String {
        seen(&tenant)
    }
    let tenancy: tenancy_axum::Tenancy = tenancy_of(tenants);
    let app = axum::Router::new()
        .route("/", axum::routing::get(handler))
        .layer(tenancy.scoped());
    read(app.oneshot(request.map(axum::body::Body::from)).await.unwrap()).await
}

async fn behind_poem(tenants: Vec<TestTenant>, request: Request<Bytes>) -> Answer {
    use poem::{Endpoint, EndpointExt};

    #[poem::handler]
    async fn handler(tenant: tenancy_poem::Tenant) -> String {
        seen(&tenant)
    }
    let tenancy: tenancy_poem::Tenancy = tenancy_of(tenants);
    let app = poem::Route::new().at("/", poem::get(handler)).with(tenancy.scoped());
    let mut sent = poem::Request::builder();
    for (name, value) in request.headers() {
        sent = sent.header(name, value);
    }
    let answer: http::Response<http_body_util::combinators::BoxBody<_, _>> =
        app.get_response(sent.finish()).await.into();
    read(answer).await
}

async fn behind_warp(tenants: Vec<TestTenant>, request: Request<Bytes>) -> Answer {
    use warp::Filter;

    let tenancy: tenancy_warp::Tenancy = tenancy_of(tenants);
    let route = warp::get()
        .and(tenancy_warp::tenant())
        .map(|tenant: tenancy_warp::Tenant| seen(&tenant));
    let app = tenancy_warp::service(tenancy.scoped(route));
    read(app.oneshot(request.map(http_body_util::Full::new)).await.unwrap()).await
}

async fn behind_tower(tenants: Vec<TestTenant>, request: Request<Bytes>) -> Answer {
    let tenancy: tenancy_http::Tenancy = tenancy_of(tenants);
    let app = ServiceBuilder::new()
        .layer(tenancy.scoped())
        .service_fn(async |request: Request<Bytes>| {
            let tenant = tenancy_http::tenant(request.extensions()).unwrap();
            Ok::<_, std::convert::Infallible>(http::Response::new(seen(&tenant)))
        });
    read(app.oneshot(request).await.unwrap()).await
}

async fn read<B: http_body::Body<Error: std::fmt::Debug>>(answer: http::Response<B>) -> Answer {
    let answer = collect(answer).await.unwrap();
    (answer.status(), String::from_utf8(answer.body().to_vec()).unwrap())
}

/// The answers of one framework to a request that names a tenant, or none.
macro_rules! on_each {
    ($($test:ident: $answer:path),* $(,)?) => {$(
        #[tokio::test]
        async fn $test() {
            answers(async |tenants, tenant| $answer(tenants, request(tenant)).await).await;
        }
    )*};
}

on_each! {
    a_handler_of_axum_is_tested_in_one_line: behind_axum,
    a_handler_of_poem_is_tested_in_one_line: behind_poem,
    a_handler_of_warp_is_tested_in_one_line: behind_warp,
    a_service_of_tower_is_tested_in_one_line: behind_tower,
}

async fn answers(answer: impl AsyncFn(Vec<TestTenant>, Option<&'static str>) -> Answer) {
    let acme = TestTenant::new("acme")
        .with_role("editor")
        .with_subject("alice")
        .with_issuer("https://one")
        .with_role("b, c");
    let globex = TestTenant::new("globex").with_strategy("schema");
    let both = || vec![acme.clone(), globex.clone()];
    let of_acme = "acme row alice https://one editor+b, c";
    for (tenants, tenant, expected) in [
        (vec![acme.clone()], None, Some(of_acme)),
        (both(), None, Some(of_acme)),
        (both(), Some("acme"), Some(of_acme)),
        (both(), Some("globex"), Some("globex schema test-member none ")),
        // Enforcement is the real one.
        (both(), Some("nobody"), None),
        (vec![globex.clone().with_status(TenantStatus::Suspended)], None, None),
        (vec![globex.clone().with_status(TenantStatus::Archived)], None, None),
        (vec![globex.clone().with_status(TenantStatus::Provisioning)], None, None),
    ] {
        let (status, body) = answer(tenants.clone(), tenant).await;
        match expected {
            Some(expected) => assert_eq!(
                (status, body.as_str()),
                (StatusCode::OK, expected),
                "{tenants:?} {tenant:?}"
            ),
            None => assert_eq!(status, StatusCode::FORBIDDEN, "{tenants:?} {tenant:?}: {body}"),
        }
    }
    assert_eq!(answer(both(), Some("ACME")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(answer(vec![], None).await.0, StatusCode::UNAUTHORIZED);
}

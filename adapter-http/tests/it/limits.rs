//! Limits of a tenant, where the layer itself is looked at.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use tenancy_core::directory::ClaimMembership;
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{ClaimsFromExtension, Limits, PlatformStaff, Rate, Tenancy, TenantLimiter};
use tower::{Layer, ServiceExt, service_fn};

const HOUR: Duration = Duration::from_secs(3600);

fn two_an_hour() -> Arc<TenantLimiter> {
    Arc::new(TenantLimiter::new(
        Limits::none().with_rate(Rate::new(2, HOUR).unwrap()),
    ))
}

fn tenancy(limiter: &Arc<TenantLimiter>) -> Tenancy {
    Tenancy::builder(
        InsecureTestStub::enforcer(),
        ClaimsFromExtension::<Claims>::new(),
        InsecureTestStub,
    )
    .with_authorizer(PlatformStaff::or_else(ClaimMembership))
    .with_limits(Arc::clone(limiter))
    .build()
}

fn member() -> Claims {
    Claims::new("alice".parse().unwrap()).with_tenant(TenantKey::Id("acme".parse().unwrap()))
}

fn staff() -> Claims {
    Claims::new("sam".parse().unwrap()).with_platform_staff(true)
}

fn request(claims: Claims) -> http::request::Builder {
    Request::get("/").header("x-tenant-id", "acme").extension(claims)
}

async fn hello(_: Request<()>) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
    Ok(Response::new(Full::default()))
}

#[tokio::test]
async fn staff_of_the_platform_is_not_charged() {
    let service = tenancy(&two_an_hour()).scoped().layer(service_fn(hello));
    for (claims, expected) in [
        (staff(), 200),
        (member(), 200),
        (staff(), 200),
        (member(), 200),
        (member(), 429),
        (staff(), 200),
    ] {
        let request = request(claims).body(()).unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), expected);
    }
}

/// Two that are built apart, as for two authentications, and count by one limiter.
#[tokio::test]
async fn layers_that_share_a_limiter_count_a_request_once() {
    let limiter = two_an_hour();
    let inner = tenancy(&limiter).scoped().layer(service_fn(hello));
    let service = tenancy(&limiter).scoped().layer(inner);
    for expected in [200, 200, 429] {
        let request = request(member()).body(()).unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), expected);
    }
    // With a limiter each, each counts.
    let (one, other) = (two_an_hour(), two_an_hour());
    let service = tenancy(&one)
        .scoped()
        .layer(tenancy(&other).scoped().layer(service_fn(hello)));
    let request = request(member()).body(()).unwrap();
    assert_eq!(service.oneshot(request).await.unwrap().status(), 200);
    assert_eq!((one.tenants(), other.tenants()), (1, 1));
}

#[tokio::test]
async fn a_call_of_grpc_learns_that_the_resource_is_exhausted() {
    let service = tenancy(&two_an_hour()).scoped().layer(service_fn(hello));
    for expected in [None, None, Some("8")] {
        let request = request(member()).header("content-type", "application/grpc");
        let response = service.clone().oneshot(request.body(()).unwrap()).await.unwrap();
        let headers = response.headers();
        assert_eq!(response.status(), 200);
        assert_eq!(
            headers.get("grpc-status").map(|status| status.to_str().unwrap()),
            expected
        );
        if expected.is_some() {
            assert_eq!(headers["grpc-message"], "rate_limited");
            assert_eq!(headers["retry-after"], "1800");
            assert_eq!(headers["grpc-retry-pushback-ms"], "1800000");
        }
    }
}

/// For frameworks without tower services.
#[tokio::test]
async fn an_admission_is_under_way_until_its_guard_is_dropped() {
    let limiter = Arc::new(TenantLimiter::new(Limits::none().with_under_way(1)));
    let layer = tenancy(&limiter).scoped();
    let admit = async || {
        let (parts, ()) = request(member()).body(()).unwrap().into_parts();
        layer.admit(parts).await
    };
    let (parts, first) = admit().await;
    assert!(first.scope.is_ok());
    let (_, refused) = admit().await;
    assert_eq!(refused.scope.unwrap_err().code(), "too_many_requests_under_way");
    drop((parts, first));
    assert!(admit().await.1.scope.is_ok());
}

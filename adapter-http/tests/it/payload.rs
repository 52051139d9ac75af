//! What a credential says beside, from each kind of authenticator.

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::Full;
use tenancy_core::enforce::Cause;
use tenancy_core::request::{Claims, SharedPayload};
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{ClaimsFromExtension, Tenancy, payload};
use tower::{Layer, ServiceExt, service_fn};

struct Plan(&'static str);

/// Claims in an extension lend themselves, and their payload is shared with the handler.
#[tokio::test]
async fn claims_of_an_extension_have_a_payload_too() {
    let tenancy: Tenancy = Tenancy::builder(
        InsecureTestStub::enforcer(),
        ClaimsFromExtension::<Claims>::new(),
        InsecureTestStub,
    )
    .with_authorizer(InsecureTestStub)
    .build();
    let shared = SharedPayload::new(Plan("pro"));
    let held = shared.shared::<Plan>().unwrap();
    let service = tenancy.scoped().layer(service_fn(async |request: Request<()>| {
        let status = match payload::<Plan>(request.extensions()) {
            Ok(plan) => {
                assert_eq!(plan.0, "pro");
                200
            }
            Err(rejection) => {
                assert_eq!(rejection.cause(), Cause::NoPayload);
                rejection.status()
            }
        };
        assert_eq!(
            payload::<u8>(request.extensions()).unwrap_err().cause(),
            Cause::NoPayload
        );
        let response = Response::builder().status(status);
        Ok::<_, Infallible>(response.body(Full::<bytes::Bytes>::default()).unwrap())
    }));
    let claims = Claims::new("alice".parse().unwrap());
    for (claims, expected) in [(claims.clone().with_payload(shared), 200), (claims, 500)] {
        let request = Request::get("/").header("x-tenant-id", "acme").extension(claims);
        let response = service.clone().oneshot(request.body(()).unwrap()).await.unwrap();
        assert_eq!(response.status(), expected);
    }
    // Requests let go of it.
    assert_eq!(Arc::strong_count(&held), 1);
}

/// The kit's members have one, so that a handler that takes it is tested without tokens.
#[cfg(feature = "testing")]
#[tokio::test]
async fn made_up_members_have_a_payload() {
    use tenancy_http::testing::{TestTenant, tenancy_of};
    let service = |tenant: TestTenant| {
        let tenancy: Tenancy = tenancy_of([tenant]);
        tenancy.scoped().layer(service_fn(async |request: Request<()>| {
            let plan = payload::<Plan>(request.extensions()).map(|plan| plan.0);
            Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::from(plan.unwrap_or("none"))))
        }))
    };
    let acme = TestTenant::new("acme");
    for (tenant, expected) in [(acme.clone().with_payload(Plan("pro")), "pro"), (acme, "none")] {
        let answer = service(tenant).oneshot(Request::new(())).await.unwrap();
        let answer = tenancy_http::testing::collect(answer).await.unwrap();
        assert_eq!(answer.body(), expected);
    }
}

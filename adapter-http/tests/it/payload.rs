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

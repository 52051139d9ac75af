//! Authenticators that must be waited for, that fail, and that never answer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tenancy_core::context;
use tenancy_core::request::Claims;
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{Authenticator, Credentials, SharedClaims, Tenancy};
use tower::{Layer, ServiceExt, service_fn};

#[derive(Debug)]
struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl std::error::Error for Down {}

/// Does what the field `authorization` says, after a while.
struct Slow;

impl Authenticator for Slow {
    type Error = Down;

    async fn authenticate(&self, parts: &Parts) -> Result<Credentials<SharedClaims>, Down> {
        tokio::task::yield_now().await;
        match parts.headers.get("authorization").map(|value| value.as_bytes()) {
            None => Ok(Credentials::Absent),
            Some(b"good") => Ok(Credentials::Verified(Arc::new(Claims::new("alice".parse().unwrap())))),
            Some(b"down") => Err(Down),
            Some(b"hangs") => pending().await,
            Some(_) => Ok(Credentials::Invalid),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answers() {
    let tenancy = Tenancy::builder(InsecureTestStub::enforcer(), Slow, InsecureTestStub)
        .with_authorizer(InsecureTestStub)
        .with_timeout(Duration::from_secs(2))
        .build();
    let inner = service_fn(async |_: Request<()>| {
        let tenant = context::current().unwrap();
        Ok::<_, std::convert::Infallible>(Response::new(Full::from(tenant.id().to_string())))
    });
    let service = tenancy.scoped().layer(inner);
    for (credentials, status, body) in [
        (Some("good"), 200, "acme"),
        (None, 401, r#""code":"credentials_required"}"#),
        (Some("bad"), 401, r#""code":"invalid_token"}"#),
        (Some("down"), 503, r#""code":"unavailable"}"#),
        (Some("hangs"), 503, r#""code":"unavailable"}"#),
    ] {
        let mut request = Request::get("/").header("x-tenant-id", "acme");
        if let Some(credentials) = credentials {
            request = request.header("authorization", credentials);
        }
        let response = service.clone().oneshot(request.body(()).unwrap()).await.unwrap();
        assert_eq!(response.status(), status, "{credentials:?}");
        assert_eq!(response.headers().contains_key("retry-after"), status == 503);
        let text = response.into_body().collect().await.unwrap().to_bytes();
        assert!(text.ends_with(body.as_bytes()), "{credentials:?}: {text:?}");
    }
}

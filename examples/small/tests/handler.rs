//! A handler's test: the application behind the real layer, as members of tenants that are made up. It needs no database and no
//! token. [`test-kit`](../../test-kit/tests/application.rs) has databases, tokens and the check for leaks.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use small::greeting::app;
use tenancy::testing::{TestTenant, tenancy_of};
use tower::ServiceExt;

fn request(method: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri("/greeting");
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_member_is_greeted() {
    let app = app(&tenancy_of([TestTenant::new("acme").with_subject("alice")]));
    let answer = app.oneshot(request("GET")).await.unwrap();
    let body = to_bytes(answer.into_body(), 100).await.unwrap();
    assert_eq!(body, "hello alice of acme");
}

#[tokio::test]
async fn an_editor_removes_the_greeting_and_a_member_does_not() {
    let (member, editor) = (TestTenant::new("acme"), TestTenant::new("acme").with_role("editor"));
    for (who, status) in [(member, StatusCode::FORBIDDEN), (editor, StatusCode::NO_CONTENT)] {
        let answer = app(&tenancy_of([who])).oneshot(request("DELETE")).await.unwrap();
        assert_eq!(answer.status(), status);
    }
}

//! Access policies among poem's own errors: what an extractor refuses, and what an endpoint answers.

use std::fmt;

use poem::error::ResponseError;
use poem::http::StatusCode;
use poem::{EndpointExt, IntoResponse, Response, Route, get, handler};
use tenancy_core::context;
use tenancy_poem::{Tenant, TenantRejection};

use crate::common::{ask, is, request, send, tenancy, whoami};

/// Why [`MaybeTenant`](tenancy_poem::MaybeTenant) exists. Should poem ever tell errors from absence,
/// this fails, and the warning at [`Tenant`] can go.
#[tokio::test]
async fn poem_makes_a_none_of_every_error() {
    #[handler]
    async fn option(tenant: Option<Tenant>) -> &'static str {
        if tenant.is_some() { "some" } else { "none" }
    }
    let app = Route::new()
        .at("/forgotten", get(option))
        .at("/public", get(option).with(tenancy().public()))
        .at("/scoped", get(option).with(tenancy().scoped()));
    for uri in ["/forgotten", "/public"] {
        assert_eq!(ask(&app, uri, Some("alice"), Some("acme")).await, is(200, "none"));
    }
    assert_eq!(ask(&app, "/scoped", Some("alice"), Some("acme")).await, is(200, "some"));
}

#[tokio::test]
async fn errors_inside_a_policy_are_answered_there() {
    #[handler]
    async fn fails(_: Tenant) -> poem::Result<()> {
        Err(Teapot.into())
    }
    #[derive(Debug)]
    struct Teapot;
    impl fmt::Display for Teapot {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no tea")
        }
    }
    impl std::error::Error for Teapot {}
    impl ResponseError for Teapot {
        fn status(&self) -> StatusCode {
            StatusCode::IM_A_TEAPOT
        }
        fn as_response(&self) -> Response {
            let tenant = context::current().unwrap();
            format!("no tea for {}", tenant.id())
                .with_status(self.status())
                .into_response()
        }
    }
    let unnoticed = |_: poem::Error| async { panic!("an error has left the access policy") as Response };
    let app = Route::new()
        .at("/fails", get(fails))
        .with(tenancy().scoped())
        .catch_all_error(unnoticed);
    for (uri, status, body) in [("/fails", 418, "no tea for acme"), ("/nowhere", 404, "not found")] {
        let answer = send(&app, request(uri, Some("alice"), Some("acme"))).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{uri}");
        assert_eq!(answer.headers["vary"], "x-tenant-id, authorization", "{uri}");
        assert_eq!(ask(&app, uri, None, None).await, is(401, "tenant_required"), "{uri}");
    }
}

#[tokio::test]
async fn inside_a_policy_an_application_catches_what_an_extractor_refuses() {
    let caught = |refused: TenantRejection| async move {
        (StatusCode::UNAUTHORIZED, refused.rejection().code()).into_response()
    };
    let app = get(whoami).catch_error(caught).with(tenancy().optional());
    assert_eq!(ask(&app, "/", None, None).await, is(401, "tenant_required"));
    let answer = send(&app, request("/", None, None)).await;
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
}

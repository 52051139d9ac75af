//! Requests to each of the applications.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

type Fields<'f> = &'f [(&'f str, &'f str)];

async fn send(app: &Router, request: Request<Body>) -> (u16, String, String) {
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let cookie = response.headers().get("set-cookie");
    let cookie = cookie.map_or("", |cookie| cookie.to_str().unwrap().split(';').next().unwrap());
    let cookie = cookie.to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap(), cookie)
}

async fn get(app: &Router, path: &str, fields: Fields<'_>) -> (u16, String) {
    let request = fields.iter().fold(Request::get(path), |request, (name, value)| {
        request.header(*name, *value)
    });
    let (status, body, _) = send(app, request.body(Body::empty()).unwrap()).await;
    let told = body
        .split_once(r#""code":""#)
        .map(|(_, code)| code.trim_end_matches(['"', '}']).to_owned());
    (status, told.unwrap_or(body))
}

/// Logs in, and returns the cookie of the session.
async fn log_in(app: &Router, form: &'static str) -> (u16, String) {
    let request = Request::post("/login").header("content-type", "application/x-www-form-urlencoded");
    let (status, _, cookie) = send(app, request.body(Body::from(form)).unwrap()).await;
    (status, cookie)
}

const ACME: (&str, &str) = ("x-tenant-id", "acme");
const GLOBEX: (&str, &str) = ("x-tenant-id", "globex");

async fn judge(app: &Router, cookie: &str, notes: &str) {
    let alice = ("cookie", cookie);
    for (path, fields, expected) in [
        ("/notes", &[alice, ACME][..], (200, notes)),
        ("/notes", &[alice, GLOBEX], (403, "forbidden")),
        ("/notes", &[alice], (401, "tenant_required")),
        ("/notes", &[ACME], (401, "credentials_required")),
        (
            "/notes",
            &[("cookie", "id=AAAAAAAAAAAAAAAAAAAAAA"), ACME],
            (401, "credentials_required"),
        ),
        ("/account", &[alice], (200, "the account of alice")),
        ("/account", &[], (401, "credentials_required")),
    ] {
        let (status, body) = get(app, path, fields).await;
        assert_eq!((status, body.as_str()), expected, "{path} {fields:?}");
    }
}

#[tokio::test]
async fn a_session_says_who_the_caller_is() {
    let app = ecosystem::sessions::app(&ecosystem::tenancy().unwrap());
    let (status, cookie) = log_in(&app, "name=alice&theme=dark").await;
    assert_eq!(status, 204);
    judge(&app, &cookie, "notes of acme for alice, dark").await;
}

#[tokio::test]
async fn a_log_in_says_who_the_caller_is() {
    let app = ecosystem::login::app(&ecosystem::tenancy().unwrap());
    assert_eq!(log_in(&app, "name=alice&password=guess").await.0, 401);
    let (status, cookie) = log_in(&app, "name=alice&password=open+sesame").await;
    assert_eq!(status, 204);
    judge(&app, &cookie, "notes of acme for alice").await;
}

#[tokio::test]
async fn documented_handlers_take_tenants() {
    let tenancy = ecosystem::tenancy().unwrap();
    for app in [
        ecosystem::openapi::app(&tenancy),
        ecosystem::openapi_by_aide::app(&tenancy),
    ] {
        let (status, document) = get(&app, "/openapi.json", &[]).await;
        assert_eq!(status, 200);
        let document: Value = serde_json::from_str(&document).unwrap();
        let operation = document.pointer("/paths/~1notes/get").unwrap();
        assert!(operation.pointer("/responses/200").is_some(), "{document:#}");
        let (status, _) = get(&app, "/notes", &[ACME]).await;
        assert_eq!(status, 401);
    }
}

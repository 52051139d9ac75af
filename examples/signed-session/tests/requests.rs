//! Requests with and without a session, and with one that was tampered with.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use cookie::{Cookie, Key};
use http_body_util::BodyExt;
use signed_session::app::app;
use signed_session::session::{COOKIE, InvalidSession, LIFETIME, Sessions};
use tenancy_core::directory::TenantRecord;
use tower::ServiceExt;

fn sessions() -> Sessions {
    Sessions::new(Key::from(&[7; 64]))
}

fn service() -> Router {
    let tenants = ["acme", "globex"].map(|name| TenantRecord::new(name.parse().unwrap(), "row".parse().unwrap()));
    app(&sessions(), tenants.to_vec()).unwrap()
}

/// A value that is signed, for a tenant.
fn signed(tenant: &str) -> String {
    sessions()
        .begin(&tenant.parse().unwrap(), &"alice".parse().unwrap())
        .value()
        .to_owned()
}

async fn notes(cookies: &[&str]) -> (u16, String) {
    let mut request = Request::get("/notes");
    for cookie in cookies {
        request = request.header(header::COOKIE, *cookie);
    }
    let response = service().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_session_names_its_tenant_and_its_caller() {
    for tenant in ["acme", "globex"] {
        let cookie = format!("theme=dark; {COOKIE}={}", signed(tenant));
        assert_eq!(
            notes(&[&cookie]).await,
            (200, format!("notes of {tenant}, shown to alice"))
        );
    }
}

#[tokio::test]
async fn without_a_session_nobody_is_let_in() {
    assert_eq!(notes(&[]).await.0, 401);
    assert_eq!(notes(&["theme=dark"]).await.0, 401);
}

#[tokio::test]
async fn what_was_changed_is_refused() {
    let good = signed("acme");
    let other_tenant = good.replace("acme", "globex");
    let other_key = Sessions::new(Key::from(&[8; 64]));
    let other_key = other_key
        .begin(&"acme".parse().unwrap(), &"alice".parse().unwrap())
        .value()
        .to_owned();
    let unsigned = "acme.99999999999.alice".to_owned();
    for changed in [
        other_tenant,
        other_key,
        unsigned,
        String::new(),
        "é".repeat(40),
        good.chars().skip(1).collect(),
    ] {
        assert_eq!(notes(&[&format!("{COOKIE}={changed}")]).await.0, 401, "{changed}");
    }
}

#[tokio::test]
async fn two_sessions_are_refused_also_if_both_are_good() {
    let (acme, globex) = (signed("acme"), signed("globex"));
    let [first, second] = [format!("{COOKIE}={acme}"), format!("{COOKIE}={globex}")];
    assert_eq!(notes(&[&first, &second]).await.0, 400);
    assert_eq!(notes(&[&format!("{first}; {second}")]).await.0, 400);
    assert_eq!(notes(&[&format!("{first}; {first}")]).await.0, 400);
}

#[tokio::test]
async fn a_session_for_an_unknown_tenant_is_forbidden() {
    assert_eq!(notes(&[&format!("{COOKIE}={}", signed("initech"))]).await.0, 403);
}

#[test]
fn a_session_ends() {
    let value = signed("acme");
    let now = SystemTime::now();
    assert!(sessions().verify(&value, now).is_ok());
    assert_eq!(
        sessions().verify(&value, now + LIFETIME + Duration::from_secs(1)),
        Err(InvalidSession)
    );
}

#[tokio::test]
async fn signing_in_begins_a_session() {
    let form = |body: &'static str| {
        let request = Request::post("/login").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        service().oneshot(request.body(Body::from(body)).unwrap())
    };
    let response = form("tenant=acme&subject=alice&password=open+sesame").await.unwrap();
    assert_eq!(response.status(), 200);
    let cookie = Cookie::parse(response.headers()[header::SET_COOKIE].to_str().unwrap()).unwrap();
    assert_eq!(
        (cookie.name(), cookie.secure(), cookie.http_only()),
        (COOKIE, Some(true), Some(true))
    );
    let cookie = format!("{COOKIE}={}", cookie.value());
    assert_eq!(notes(&[&cookie]).await.0, 200);
    assert_eq!(
        form("tenant=acme&subject=alice&password=guess").await.unwrap().status(),
        403
    );
}

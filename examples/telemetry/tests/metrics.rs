//! What Prometheus would read after a few requests.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use tenancy::axum::Tenancy;
use tower::ServiceExt;

async fn get(app: &Router, path: &str, tenant: Option<&str>) -> (StatusCode, String) {
    let mut request = Request::get(path);
    if let Some(tenant) = tenant {
        request = request.header("x-tenant-id", tenant);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn requests_are_counted_by_what_they_come_to() {
    let metrics = telemetry::install_metrics().unwrap();
    let database = telemetry::database().await.unwrap();
    let app = telemetry::app(&Tenancy::insecure_test_stub(), database, metrics);
    for (tenant, expected) in [
        (Some("acme"), 200),
        (Some("globex"), 200),
        (None, 401),
        (Some("ACME"), 400),
    ] {
        assert_eq!(get(&app, "/notes", tenant).await.0, expected);
    }
    let (status, text) = get(&app, "/metrics", None).await;
    assert_eq!(status, 200);
    for line in [
        "# TYPE tenancy_refusals_total counter",
        "tenancy_refusals_total{access=\"scoped\",code=\"tenant_required\"} 1",
        "tenancy_refusals_total{access=\"scoped\",code=\"malformed_tenant\"} 1",
        "tenancy_admission_duration_seconds_count{access=\"scoped\",outcome=\"admitted\"} 2",
        "tenancy_begin_duration_seconds_count{strategy=\"none\",outcome=\"begun\"} 2",
        "tenancy_transactions_under_way{strategy=\"none\"} 0",
        "tenancy_begins_waiting{strategy=\"none\"} 0",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("acme"), "no tenant is a label: {text}");
}

//! Access policies as warp's filters decide on them: where a route asks, twice or not at all, and what stands around.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tenancy_core::directory::{Directory, TenantRecord};
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_http::ClaimsFromExtension;
use tenancy_warp::{Tenancy, enforce, tenant, visitor};
use tower::{Layer, ServiceExt};
use warp::Filter;

use crate::support;
use crate::support::{ask, directory, enforcer, is, portal, request, send, tenancy, whoami};

const INTERNAL: &str = r#"{"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal"}"#;

/// An access policy inside another one is entered behind the filter that has decided on the outer one.
#[tokio::test]
async fn an_inner_policy_is_not_enforced_by_the_outer_ones_filter() {
    let tenancy = tenancy();
    let inner = tenancy.scoped(warp::any().map(|| "not enforced"));
    let app = tenancy.public(visitor().and(inner).map(|_, response| response));
    assert_eq!(ask(&app, "/", None, Some("acme")).await, is(500, "internal"));
    assert_eq!(ask(&app, "/", Some("alice"), Some("acme")).await, is(500, "internal"));
}

/// Under `warp::service` nobody follows the request.
#[tokio::test]
async fn without_the_service_a_policy_never_runs_a_handler() {
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = {
        let ran = Arc::clone(&ran);
        move |_| {
            ran.fetch_add(1, Ordering::Relaxed);
            "ran"
        }
    };
    let app = tenancy()
        .scoped(warp::path!("whoami").and(tenant()).map(counted))
        .or(warp::path!("unguarded").and(tenant()).map(|_| "ran"))
        .or(warp::path!("whoami").map(|| "masked"))
        .or(warp::path!("healthz").map(|| "ok"));
    let service = warp::service(app);
    for (uri, expected) in [
        ("/whoami", is(500, INTERNAL)),
        ("/unguarded", is(500, "Unhandled rejection: internal")),
        ("/healthz", is(200, "ok")),
    ] {
        let response = service
            .clone()
            .oneshot(request(uri, Some("alice"), Some("acme")))
            .await
            .unwrap();
        let status = response.status().as_u16();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        assert_eq!(
            (status, String::from_utf8(body.to_bytes().to_vec()).unwrap()),
            expected,
            "{uri}"
        );
    }
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn routes_behind_a_prefix_see_the_path_that_the_client_sent() {
    let tenancy = tenancy();
    let inner = tenancy.scoped(warp::path!("whoami").and(tenant()).then(whoami));
    let app = warp::path!("t" / String / ..)
        .map(drop)
        .untuple_one()
        .and(inner.clone())
        .or(warp::path!("v1" / "x" / ..).and(inner));
    for (uri, tenant, expected) in [
        ("/t/acme/whoami", None, is(200, "acme path alice")),
        ("/t/globex/whoami", None, is(403, "forbidden")),
        ("/t/a%2Fb/whoami", None, is(400, "malformed_tenant")),
        ("/v1/x/whoami", None, is(401, "tenant_required")),
        ("/v1/x/whoami", Some("acme"), is(200, "acme header alice")),
    ] {
        assert_eq!(
            ask(&app, uri, Some("alice"), tenant).await,
            expected,
            "{uri} {tenant:?}"
        );
    }
}

/// A filter that enforces under no policy, and a route under a policy that never asks, are faults and final: no sibling
/// answers instead.
#[tokio::test]
async fn a_decision_that_is_missing_is_a_fault_that_no_sibling_hides() {
    let tenancy = tenancy();
    let app = warp::path!("enforce")
        .and(enforce())
        .map(|| "enforced")
        .or(warp::path!("tenant").and(tenant()).then(whoami))
        .or(tenancy.scoped(warp::path!("silent").map(|| "not enforced")))
        .or(warp::any().map(|| "masked"));
    for uri in ["/enforce", "/tenant", "/silent"] {
        assert_eq!(
            ask(&app, uri, Some("alice"), Some("acme")).await,
            is(500, "internal"),
            "{uri}"
        );
    }
}

#[tokio::test]
async fn a_policy_inside_a_tower_layer_around_the_service_narrows() {
    let routes = tenancy().public(visitor().then(portal));
    let app = support::of_tower().scoped().layer(tenancy_warp::service(routes));
    for (subject, tenant, status) in [
        (None, Some("acme"), 401),
        (Some("alice"), Some("acme"), 200),
        (Some("alice"), Some("globex"), 403),
    ] {
        let response = app.clone().oneshot(request("/", subject, tenant)).await.unwrap();
        assert_eq!(response.status(), status, "{subject:?} {tenant:?}");
    }
}

/// A layer of tower around the service is an access policy of all routes, also of those that match nothing.
#[tokio::test]
async fn filters_extract_what_a_tower_layer_around_the_service_has_bound() {
    let whoami = warp::path!("whoami").and(tenant()).then(whoami);
    let app = support::of_tower().scoped().layer(tenancy_warp::service(whoami));
    for (uri, subject, tenant, status) in [
        ("/whoami", Some("alice"), Some("acme"), 200),
        ("/whoami", None, Some("acme"), 401),
        ("/whoami", Some("alice"), Some("globex"), 403),
        ("/absent", Some("alice"), Some("globex"), 403),
        ("/absent", Some("alice"), Some("acme"), 404),
    ] {
        let response = app.clone().oneshot(request(uri, subject, tenant)).await.unwrap();
        assert_eq!(response.status(), status, "{uri} {subject:?} {tenant:?}");
        assert_eq!(response.headers()["vary"], "x-tenant-id, authorization");
    }
}

/// Where a layer around has bound the request, its header fields are copied late, or not at all.
#[tokio::test]
async fn a_refusal_inside_a_tower_layer_has_the_form_of_its_request() {
    let silent = warp::path!("silent").map(|| "not enforced");
    let routes = warp::path!("tenant").and(tenant()).then(whoami);
    let routes = routes.or(tenancy().optional(silent));
    let app = support::of_tower().optional().layer(tenancy_warp::service(routes));
    for (uri, grpc_status) in [("/tenant", "16"), ("/silent", "13")] {
        let mut request = request(uri, Some("alice"), None);
        let grpc = "application/grpc-web".parse().unwrap();
        request.headers_mut().insert("content-type", grpc);
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "{uri}");
        assert_eq!(response.headers()["content-type"], "application/grpc-web", "{uri}");
        assert_eq!(response.headers()["grpc-status"], grpc_status, "{uri}");
    }
}

/// Several policies and filters inside a layer around, of which the first does not match.
#[tokio::test]
async fn policies_inside_a_tower_layer_find_the_requests_header_fields() {
    let tenancy = tenancy();
    let first = tenancy.public(visitor().and(warp::header::<u8>("x-absent")).map(|_, _| ""));
    let second = tenancy.scoped(enforce().and(tenant()).then(whoami));
    let app = support::of_tower().authenticated();
    let app = app.layer(tenancy_warp::service(first.or(second)));
    for (subject, tenant, status) in [
        (None, Some("acme"), 401),
        (Some("alice"), Some("acme"), 200),
        (Some("alice"), Some("globex"), 403),
    ] {
        let response = app.clone().oneshot(request("/", subject, tenant)).await.unwrap();
        assert_eq!(response.status(), status, "{subject:?} {tenant:?}");
    }
}

/// What the filters behind the policy reject has been decided on, and so varies.
#[tokio::test]
async fn a_rejection_behind_an_admission_varies() {
    let rejects = tenant().and(warp::header::<u8>("x-absent")).map(|_, _| "");
    let answer = send(&tenancy().scoped(rejects), request("/", Some("alice"), Some("acme"))).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.headers["vary"], "x-tenant-id, authorization");
}

#[tokio::test]
async fn a_request_that_asks_twice_costs_one_look_up_and_an_unmatched_one_none() {
    #[derive(Clone, Default)]
    struct Counts(Arc<AtomicUsize>);
    impl Directory for Counts {
        type Entry = TenantRecord;
        type Error = Infallible;
        async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Infallible> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Some(TenantRecord::new(
                key.as_str().parse().unwrap(),
                "row".parse().unwrap(),
            )))
        }
    }
    let counts = Counts::default();
    let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), counts.clone())
        .with_authorizer(directory())
        .build();
    // Asked for twice, and rejected once in between.
    let routes = warp::path!("a")
        .and(enforce())
        .and(warp::header::<u8>("x-absent"))
        .map(drop)
        .untuple_one()
        .or(warp::path!("a").and(tenant()).map(drop).untuple_one())
        .unify()
        .and(tenant())
        .then(whoami);
    let app = tenancy
        .scoped(tenancy.scoped(tenancy.scoped(routes)))
        .or(warp::path!("b").map(|| ""));
    let look_ups = || counts.0.swap(0, Ordering::Relaxed);
    assert_eq!(ask(&app, "/a", Some("alice"), Some("acme")).await.0, 200);
    assert_eq!(look_ups(), 1, "also inside access policies of the same tenancy");
    assert_eq!(ask(&app, "/a", Some("alice"), Some("globex")).await.0, 403);
    assert_eq!(look_ups(), 1);
    assert_eq!(ask(&app, "/b", Some("alice"), Some("acme")).await.0, 200);
    assert_eq!(look_ups(), 0, "no route under the access policy");
}

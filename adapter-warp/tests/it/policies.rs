//! Routes under access policies in every shape that warp has, and the answers that only a fault brings about.

use crate::support;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use support::{Fails, ask, directory, enforcer, is, maybe, portal, request, send, tenancy, whoami, with_method};
use tenancy_core::directory::{Directory, TenantRecord};
use tenancy_core::enforce::Enforcer;
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_core::resolve::{ClaimResolver, HeaderResolver, OnConflict, PathResolver, ResolverChain};
use tenancy_http::ClaimsFromExtension;
use tenancy_warp::{Tenancy, enforce, optional_tenant, tenant, visitor};
use tower::{Layer, ServiceExt};
use warp::Filter;

#[tokio::test]
async fn each_policy_has_its_answers() {
    let tenancy = tenancy();
    let app = warp::path!("healthz")
        .map(|| "ok")
        .or(tenancy.scoped(warp::path!("whoami").and(tenant()).then(whoami)))
        .or(tenancy.public(warp::path!("portal").and(visitor()).then(portal)))
        .or(tenancy.optional(warp::path!("maybe").and(optional_tenant()).then(maybe)));
    for (uri, subject, tenant, expected) in [
        ("/healthz", None, Some("NOT AN ID"), is(200, "ok")),
        ("/whoami", None, None, is(401, "tenant_required")),
        ("/whoami", Some("alice"), None, is(401, "tenant_required")),
        ("/whoami", None, Some("acme"), is(401, "credentials_required")),
        ("/whoami", Some("alice"), Some("globex"), is(403, "forbidden")),
        ("/whoami", Some("alice"), Some("nobody"), is(403, "forbidden")),
        ("/whoami", Some("alice"), Some("acme"), is(200, "acme header alice")),
        ("/whoami", Some("alice"), Some("ACME"), is(400, "malformed_tenant")),
        ("/portal", None, None, is(404, "not_found")),
        ("/portal", None, Some("nobody"), is(404, "not_found")),
        ("/portal", None, Some("globex"), is(200, "globex")),
        ("/portal", Some("alice"), Some("globex"), is(200, "globex")),
        ("/maybe", None, None, is(200, "none")),
        ("/maybe", None, Some("acme"), is(401, "credentials_required")),
        ("/maybe", Some("alice"), Some("globex"), is(403, "forbidden")),
        ("/maybe", Some("alice"), Some("acme"), is(200, "acme")),
        ("/nowhere", None, None, is(404, "")),
    ] {
        assert_eq!(
            ask(&app, uri, subject, tenant).await,
            expected,
            "{uri} {subject:?} {tenant:?}"
        );
    }
}

const INTERNAL: &str = r#"{"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal"}"#;

#[tokio::test]
async fn a_handler_under_no_policy_is_a_fault_that_the_client_does_not_learn() {
    let tenancy = tenancy();
    let app = warp::path!("tenant")
        .and(tenant())
        .then(whoami)
        .or(warp::path!("visitor").and(visitor()).then(portal))
        .or(warp::path!("option").and(optional_tenant()).then(maybe))
        .or(warp::path!("enforce").and(enforce()).map(|| "enforced"))
        .or(tenancy.public(warp::path!("visit").and(tenant()).then(whoami)))
        .or(tenancy.public(warp::path!("visit-option").and(optional_tenant()).then(maybe)))
        .or(tenancy.scoped(warp::path!("silent").map(|| "not enforced")))
        .or(warp::any().map(|| "masked"));
    for uri in [
        "/tenant",
        "/visitor",
        "/option",
        "/enforce",
        "/visit",
        "/visit-option",
        "/silent",
    ] {
        let answer = send(&app, request(uri, Some("alice"), Some("acme"))).await;
        assert_eq!((answer.status, answer.body.as_str()), (500, INTERNAL), "{uri}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

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
async fn a_required_tenant_on_an_optional_route_is_required() {
    let app = tenancy().optional(tenant().then(whoami));
    assert_eq!(ask(&app, "/", None, None).await, is(401, "tenant_required"));
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

#[tokio::test]
async fn inside_a_policy_access_narrows_and_never_widens() {
    let tenancy = tenancy();
    let id = || visitor().then(portal);
    let scoped_in_public = tenancy.public(tenancy.scoped(id()));
    assert_eq!(
        ask(&scoped_in_public, "/", None, Some("acme")).await,
        is(401, "credentials_required")
    );
    assert_eq!(
        ask(&scoped_in_public, "/", Some("alice"), Some("globex")).await,
        is(403, "forbidden")
    );
    assert_eq!(
        ask(&scoped_in_public, "/", Some("alice"), Some("acme")).await,
        is(200, "acme")
    );
    let public_in_scoped = tenancy.scoped(tenancy.public(id()));
    assert_eq!(
        ask(&public_in_scoped, "/", None, Some("acme")).await,
        is(401, "credentials_required")
    );
    assert_eq!(
        ask(&public_in_scoped, "/", Some("alice"), Some("acme")).await,
        is(200, "acme")
    );
    let scoped_in_optional = tenancy.optional(tenancy.scoped(id()));
    assert_eq!(
        ask(&scoped_in_optional, "/", None, None).await,
        is(401, "tenant_required")
    );
    let optional_in_scoped = tenancy.scoped(tenancy.optional(optional_tenant().then(maybe)));
    assert_eq!(
        ask(&optional_in_scoped, "/", None, None).await,
        is(401, "tenant_required")
    );
    // Of another set-up too.
    let public_in_scoped = tenancy.scoped(support::tenancy().public(id()));
    assert_eq!(
        ask(&public_in_scoped, "/", Some("alice"), Some("globex")).await,
        is(403, "forbidden")
    );
    // And inside a tower layer around the service.
    let app = support::of_tower()
        .scoped()
        .layer(tenancy_warp::service(tenancy.public(id())));
    for (subject, tenant, status) in [
        (None, Some("acme"), 401),
        (Some("alice"), Some("acme"), 200),
        (Some("alice"), Some("globex"), 403),
    ] {
        let response = app.clone().oneshot(request("/", subject, tenant)).await.unwrap();
        assert_eq!(response.status(), status, "{subject:?} {tenant:?}");
    }
}

#[tokio::test]
async fn an_inner_policy_never_replaces_the_tenant() {
    let by_path = ResolverChain::new()
        .then(PathResolver::new("/t/{tenant}".parse().unwrap()))
        .unwrap();
    let by_path = Tenancy::builder(
        Enforcer::new(by_path),
        ClaimsFromExtension::<Claims>::new(),
        directory(),
    )
    .with_authorizer(Fails::Never)
    .build();
    let routes = warp::path!("t" / String)
        .and(visitor())
        .then(|_, visit| async { portal(visit).await });
    let app = tenancy().scoped(by_path.public(routes));
    // The header names acme outside, the path names globex inside.
    assert_eq!(
        ask(&app, "/t/globex", Some("alice"), Some("acme")).await,
        is(403, "forbidden")
    );
    assert_eq!(ask(&app, "/t/nobody", Some("alice"), Some("acme")).await.0, 403);
    assert_eq!(ask(&app, "/t/acme", Some("alice"), Some("acme")).await, is(200, "acme"));
}

#[tokio::test]
async fn a_failing_directory_or_authorizer_is_a_503_and_never_admits() {
    for (directory, authorizer) in [
        (Fails::Now, Fails::Never),
        (Fails::Never, Fails::Now),
        (Fails::Hangs, Fails::Never),
        (Fails::Never, Fails::Hangs),
    ] {
        let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), directory)
            .with_authorizer(authorizer)
            .with_timeout(Duration::from_millis(1))
            .build();
        let app = tenancy.scoped(tenant().then(whoami));
        let answer = send(&app, request("/", Some("alice"), Some("acme"))).await;
        assert_eq!(answer.status, 503, "{directory:?} {authorizer:?}");
        assert_eq!(answer.headers["retry-after"], "1");
        assert_eq!(
            answer.body,
            r#"{"type":"about:blank","title":"Service Unavailable","status":503,"code":"unavailable"}"#
        );
    }
}

#[tokio::test]
async fn a_directory_that_answers_with_another_tenant_is_a_503() {
    let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), Fails::AnswersAnother)
        .with_authorizer(Fails::Never)
        .build();
    let app = tenancy.scoped(tenant().then(whoami));
    assert_eq!(
        ask(&app, "/", Some("alice"), Some("acme")).await,
        is(503, "unavailable")
    );
    assert_eq!(
        ask(&app, "/", Some("alice"), Some("globex")).await,
        is(200, "globex header alice")
    );
}

#[tokio::test]
async fn answers_that_must_be_waited_for_are_the_same() {
    let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), Fails::Never)
        .with_authorizer(Fails::Never)
        .build();
    let app = tenancy.scoped(tenant().then(whoami));
    assert_eq!(
        ask(&app, "/", Some("alice"), Some("acme")).await,
        is(200, "acme header alice")
    );
    assert_eq!(
        ask(&app, "/t/globex", Some("bob"), None).await,
        is(200, "globex path bob")
    );
    assert_eq!(
        ask(&app, "/", None, Some("acme")).await,
        is(401, "credentials_required")
    );
}

#[tokio::test]
async fn every_answer_under_a_policy_varies_and_refusals_are_not_stored() {
    let tenancy = tenancy();
    let varied = warp::path!("varied")
        .and(tenant())
        .map(|_| warp::reply::with_header("", "vary", "accept, X-Tenant-Id"));
    let rejects = warp::path!("rejects")
        .and(tenant())
        .and(warp::header::<u8>("x-absent"))
        .map(|_, _| "");
    let app = tenancy
        .scoped(varied.or(rejects))
        .or(tenancy.public(warp::path!("portal").and(visitor()).then(portal)));
    let ok = send(&app, request("/varied", Some("alice"), Some("acme"))).await;
    assert_eq!(
        ok.headers.get_all("vary").iter().collect::<Vec<_>>(),
        ["accept, X-Tenant-Id, authorization"]
    );
    assert!(!ok.headers.contains_key("cache-control"));
    let refused = send(&app, request("/varied", None, None)).await;
    assert_eq!(refused.headers["vary"], "x-tenant-id, authorization");
    assert_eq!(refused.headers["cache-control"], "no-store");
    assert_eq!(refused.headers["www-authenticate"], "Bearer");
    let rejected = send(&app, request("/rejects", Some("alice"), Some("acme"))).await;
    assert_eq!(rejected.status, 400);
    assert_eq!(rejected.headers["vary"], "x-tenant-id, authorization");
    // A public route of a chain without `jwt_claim` reads no credentials.
    assert_eq!(
        send(&app, request("/portal", None, Some("acme"))).await.headers["vary"],
        "x-tenant-id"
    );
}

#[tokio::test]
async fn a_head_is_a_get_without_a_body() {
    let app = tenancy().scoped(tenant().then(whoami));
    let get = send(&app, request("/", None, None)).await;
    let head = send(&app, with_method(Method::HEAD, request("/", None, None))).await;
    assert_eq!((head.status, head.body.as_str()), (401, ""));
    assert_eq!(head.headers, get.headers);
    assert_eq!(head.headers["content-length"], get.body.len().to_string());
}

#[tokio::test]
async fn claims_name_tenants_where_membership_is_by_claim() {
    let app = |on_conflict| {
        let chain = ResolverChain::new()
            .then(ClaimResolver)
            .unwrap()
            .then(HeaderResolver::new("x-tenant-id".parse().unwrap()))
            .unwrap()
            .with_on_conflict(on_conflict);
        let by_claim =
            Tenancy::builder(Enforcer::new(chain), ClaimsFromExtension::<Claims>::new(), directory()).build();
        by_claim.scoped(tenant().then(whoami))
    };
    let claims = |tenant: Option<&str>, list: &[&str]| {
        let claims =
            Claims::new("eve".parse().unwrap()).with_tenants(list.iter().map(|id| TenantKey::Id(id.parse().unwrap())));
        match tenant {
            Some(id) => claims.with_tenant(TenantKey::Id(id.parse().unwrap())),
            None => claims,
        }
    };
    let (first, reject) = (OnConflict::First, OnConflict::Reject);
    for (on_conflict, claims, header, expected) in [
        (first, claims(Some("acme"), &[]), None, is(200, "acme jwt_claim eve")),
        (
            first,
            claims(Some("acme"), &[]),
            Some("globex"),
            is(200, "acme jwt_claim eve"),
        ),
        (
            first,
            claims(None, &["globex"]),
            Some("globex"),
            is(200, "globex header eve"),
        ),
        (first, claims(None, &["globex"]), Some("acme"), is(403, "forbidden")),
        (first, claims(None, &[]), Some("acme"), is(403, "forbidden")),
        (
            reject,
            claims(Some("acme"), &[]),
            Some("acme"),
            is(200, "acme jwt_claim eve"),
        ),
        (
            reject,
            claims(Some("acme"), &["globex"]),
            Some("globex"),
            is(400, "conflicting_tenants"),
        ),
        (
            reject,
            claims(Some("acme"), &[]),
            Some("G"),
            is(400, "malformed_tenant"),
        ),
    ] {
        let mut request = request("/", None, header);
        request.extensions_mut().insert(claims.clone());
        let answer = send(&app(on_conflict), request).await.short();
        assert_eq!(answer, expected, "{on_conflict:?} {claims:?} {header:?}");
    }
}

#[tokio::test]
async fn an_admission_costs_one_look_up_and_a_refusal_before_it_none() {
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
    for (subject, tenant) in [
        (None, None),
        (None, Some("acme")),
        (Some("alice"), None),
        (Some("alice"), Some("A")),
    ] {
        assert!(ask(&app, "/a", subject, tenant).await.0 < 403);
        assert_eq!(look_ups(), 0, "{subject:?} {tenant:?}");
    }
}

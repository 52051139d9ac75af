//! Each access policy and its answers, on single endpoints.

use crate::common;

use std::fmt;

use common::{Answer, ask, directory, enforcer, is, maybe, portal, request, send, tenancy, whoami};
use poem::error::ResponseError;
use poem::http::{HeaderMap, StatusCode};
use poem::{Endpoint, EndpointExt, IntoResponse, Response, Route, get, handler};
use tenancy_core::context;
use tenancy_core::directory::{MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::Enforcer;
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_core::resolve::{ClaimResolver, HeaderResolver, OnConflict, PathResolver, ResolverChain};
use tenancy_http::ClaimsFromExtension;
use tenancy_poem::{Tenancy, Tenant, TenantRejection};

#[handler]
async fn healthz() -> &'static str {
    "ok"
}

#[tokio::test]
async fn each_policy_has_its_answers() {
    let tenancy = tenancy();
    let app = Route::new()
        .at("/healthz", get(healthz))
        .at("/whoami", get(whoami).with(tenancy.scoped()))
        .at("/portal", get(portal).with(tenancy.public()))
        .at("/maybe", get(maybe).with(tenancy.optional()));
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
    ] {
        assert_eq!(
            ask(&app, uri, subject, tenant).await,
            expected,
            "{uri} {subject:?} {tenant:?}"
        );
    }
}

#[tokio::test]
async fn a_handler_under_no_layer_is_a_fault_that_the_client_does_not_learn() {
    let app = Route::new()
        .at("/tenant", get(whoami))
        .at("/visitor", get(portal))
        .at("/maybe", get(maybe))
        .at("/visit", get(whoami).with(tenancy().public()))
        .at("/visit-maybe", get(maybe).with(tenancy().public()));
    for uri in ["/tenant", "/visitor", "/maybe", "/visit", "/visit-maybe"] {
        let answer = send(&app, request(uri, Some("alice"), Some("acme"))).await;
        assert_eq!(answer.status, 500, "{uri}");
        assert_eq!(
            answer.body, r#"{"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal"}"#,
            "{uri}"
        );
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

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
async fn a_required_tenant_on_an_optional_route_is_required() {
    let app = get(whoami).with(tenancy().optional());
    assert_eq!(ask(&app, "/", None, None).await, is(401, "tenant_required"));
}

#[tokio::test]
async fn inside_a_layer_access_narrows_and_never_widens() {
    let tenancy = tenancy();
    let scoped_in_public = get(portal).with(tenancy.scoped()).with(tenancy.public());
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
    let public_in_scoped = get(portal).with(tenancy.public()).with(tenancy.scoped());
    assert_eq!(
        ask(&public_in_scoped, "/", None, Some("acme")).await,
        is(401, "credentials_required")
    );
    assert_eq!(
        ask(&public_in_scoped, "/", Some("alice"), Some("acme")).await,
        is(200, "acme")
    );
    let scoped_in_optional = get(portal).with(tenancy.scoped()).with(tenancy.optional());
    assert_eq!(
        ask(&scoped_in_optional, "/", None, None).await,
        is(401, "tenant_required")
    );
    // Of another set-up too.
    let other = self::tenancy();
    let public_in_scoped = get(portal).with(other.public()).with(tenancy.scoped());
    assert_eq!(
        ask(&public_in_scoped, "/", Some("alice"), Some("globex")).await,
        is(403, "forbidden")
    );
}

#[tokio::test]
async fn an_inner_layer_never_replaces_the_tenant() {
    let by_path = ResolverChain::new()
        .then(PathResolver::new("/t/{tenant}".parse().unwrap()))
        .unwrap();
    let members = |subjects: &[&str]| {
        let entry = |id: &str| MemoryEntry::new(TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap()));
        let entries = ["acme", "globex"].map(|id| {
            let members = subjects.iter().map(|subject| subject.parse().unwrap());
            members.fold(entry(id), MemoryEntry::with_member)
        });
        MemoryDirectory::new(entries).unwrap()
    };
    // Inside, alice is a member of both: only the outer layer's tenant is in the way.
    let by_path = Tenancy::builder(
        Enforcer::new(by_path),
        ClaimsFromExtension::<Claims>::new(),
        members(&[]),
    )
    .with_authorizer(members(&["alice"]))
    .build();
    let app = get(portal).with(by_path.public()).with(tenancy().scoped());
    // The header names acme outside, the path names globex inside.
    assert_eq!(
        ask(&app, "/t/globex", Some("alice"), Some("acme")).await,
        is(403, "forbidden")
    );
    assert_eq!(ask(&app, "/t/nobody", Some("alice"), Some("acme")).await.0, 403);
    assert_eq!(ask(&app, "/t/acme", Some("alice"), Some("acme")).await, is(200, "acme"));
}

#[tokio::test]
async fn every_answer_under_a_policy_varies_and_refusals_are_not_stored() {
    #[handler]
    async fn varied(_: Tenant) -> Response {
        Response::builder().header("vary", "accept, X-Tenant-Id").finish()
    }
    let tenancy = tenancy();
    let app = Route::new()
        .at("/", get(varied).with(tenancy.scoped()))
        .at("/portal", get(portal).with(tenancy.public()));
    let ok = send(&app, request("/", Some("alice"), Some("acme"))).await;
    assert_eq!(
        ok.headers.get_all("vary").iter().collect::<Vec<_>>(),
        ["accept, X-Tenant-Id, authorization"]
    );
    assert!(!ok.headers.contains_key("cache-control"));
    let refused = send(&app, request("/", None, None)).await;
    assert_eq!(refused.headers["vary"], "x-tenant-id, authorization");
    assert_eq!(refused.headers["cache-control"], "no-store");
    assert_eq!(refused.headers["www-authenticate"], "Bearer");
    // A public route of a chain without `jwt_claim` reads no credentials.
    assert_eq!(
        send(&app, request("/portal", None, Some("acme"))).await.headers["vary"],
        "x-tenant-id"
    );
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

#[tokio::test]
async fn claims_name_tenants_where_membership_is_by_claim() {
    let by_claim = |on_conflict| -> Tenancy {
        let chain = ResolverChain::new()
            .then(ClaimResolver)
            .unwrap()
            .then(HeaderResolver::new("x-tenant-id".parse().unwrap()))
            .unwrap()
            .with_on_conflict(on_conflict);
        Tenancy::builder(Enforcer::new(chain), ClaimsFromExtension::<Claims>::new(), directory()).build()
    };
    let claims = |tenant: Option<&str>, list: &[&str]| {
        let claims =
            Claims::new("eve".parse().unwrap()).with_tenants(list.iter().map(|id| TenantKey::Id(id.parse().unwrap())));
        match tenant {
            Some(id) => claims.with_tenant(TenantKey::Id(id.parse().unwrap())),
            None => claims,
        }
    };
    let acme = || claims(Some("acme"), &[]);
    let (first, reject) = (OnConflict::First, OnConflict::Reject);
    for (on_conflict, claims, header, expected) in [
        (first, acme(), None, is(200, "acme jwt_claim eve")),
        (first, acme(), Some("globex"), is(200, "acme jwt_claim eve")),
        (
            first,
            claims(None, &["globex"]),
            Some("globex"),
            is(200, "globex header eve"),
        ),
        (first, claims(None, &["globex"]), Some("acme"), is(403, "forbidden")),
        (first, claims(None, &[]), Some("acme"), is(403, "forbidden")),
        (reject, acme(), Some("acme"), is(200, "acme jwt_claim eve")),
        (
            reject,
            claims(Some("acme"), &["globex"]),
            Some("globex"),
            is(400, "conflicting_tenants"),
        ),
        (reject, acme(), Some("G"), is(400, "malformed_tenant")),
    ] {
        let app = get(whoami).with(by_claim(on_conflict).scoped());
        let mut request = request("/", None, header);
        request.extensions_mut().insert(claims.clone());
        let told = send(&app, request).await.told();
        assert_eq!(told, expected, "{on_conflict:?} {claims:?} {header:?}");
    }
}

#[tokio::test]
async fn refusals_of_a_stranger_are_one() {
    async fn refused(app: &impl Endpoint, tenant: &str) -> (u16, HeaderMap, String) {
        let Answer { status, headers, body } = send(app, request("/", Some("alice"), Some(tenant))).await;
        (status, headers, body)
    }
    let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), directory())
        .with_authorizer(directory())
        .build();
    let app = get(whoami).with(tenancy.scoped());
    let unknown = refused(&app, "nobody").await;
    assert_eq!(unknown.0, 403);
    assert_eq!(refused(&app, "globex").await, unknown);
}

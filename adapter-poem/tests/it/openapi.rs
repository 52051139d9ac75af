//! Operations of poem-openapi, which take the extractors as they are.

use poem::{EndpointExt, Route};
use poem_openapi::param::Path;
use poem_openapi::payload::PlainText;
use poem_openapi::{OpenApi, OpenApiService};
use tenancy_poem::{MaybeTenant, Tenant, Visitor};

use crate::common::{ask, is, request, send, tenancy};

struct Notes;

#[OpenApi]
impl Notes {
    #[oai(path = "/notes/:id", method = "get")]
    async fn note(&self, tenant: Tenant, id: Path<String>) -> PlainText<String> {
        PlainText(format!("{} {}", tenant.id(), id.0))
    }

    #[oai(path = "/maybe", method = "get")]
    async fn maybe(&self, tenant: MaybeTenant) -> PlainText<String> {
        let MaybeTenant(tenant) = tenant;
        PlainText(tenant.map_or_else(|| "none".into(), |tenant| tenant.id().to_string()))
    }
}

struct Portal;

#[OpenApi]
impl Portal {
    #[oai(path = "/portal", method = "get")]
    async fn portal(&self, visit: Visitor) -> PlainText<String> {
        PlainText(visit.id().to_string())
    }
}

#[tokio::test]
async fn operations_stand_under_policies() {
    let tenancy = tenancy();
    let app = Route::new()
        .nest(
            "/members",
            OpenApiService::new(Notes, "notes", "1").with(tenancy.scoped()),
        )
        .nest(
            "/anyone",
            OpenApiService::new(Notes, "notes", "1").with(tenancy.optional()),
        )
        .nest(
            "/shown",
            OpenApiService::new(Portal, "portal", "1").with(tenancy.public()),
        )
        .nest("/forgotten", OpenApiService::new(Notes, "notes", "1"));
    for (uri, subject, tenant, expected) in [
        ("/members/notes/7", Some("alice"), Some("acme"), is(200, "acme 7")),
        ("/members/notes/7", Some("alice"), Some("globex"), is(403, "forbidden")),
        ("/members/notes/7", None, Some("acme"), is(401, "credentials_required")),
        ("/members/notes/7", None, None, is(401, "tenant_required")),
        ("/members/nowhere", None, None, is(401, "tenant_required")),
        ("/anyone/maybe", None, None, is(200, "none")),
        ("/anyone/maybe", Some("alice"), Some("acme"), is(200, "acme")),
        ("/anyone/notes/7", None, None, is(401, "tenant_required")),
        ("/shown/portal", None, Some("globex"), is(200, "globex")),
        ("/shown/portal", None, Some("nobody"), is(404, "not_found")),
        ("/forgotten/notes/7", Some("alice"), Some("acme"), is(500, "internal")),
        ("/forgotten/maybe", None, None, is(500, "internal")),
    ] {
        assert_eq!(
            ask(&app, uri, subject, tenant).await,
            expected,
            "{uri} {subject:?} {tenant:?}"
        );
    }
    let varied = send(&app, request("/members/notes/7", Some("alice"), Some("acme"))).await;
    assert_eq!(varied.headers.get("vary").unwrap(), "x-tenant-id, authorization");
}

/// A tenant is no parameter of an operation: the document names none.
#[test]
fn the_document_does_not_name_the_tenant() {
    let document: serde_json::Value = serde_json::from_str(&OpenApiService::new(Notes, "notes", "1").spec()).unwrap();
    let parameters = document.pointer("/paths/~1notes~1{id}/get/parameters").unwrap();
    let names: Vec<_> = parameters
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one.get("name"))
        .collect();
    assert_eq!(names, ["id"]);
}

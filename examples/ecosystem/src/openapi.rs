//! utoipa: handlers that take tenants are documented as others are. The extractors are no parameters, so what names the
//! tenant and the caller is written where the document is.

use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tenancy_axum::{Tenancy, Tenant};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

/// The document.
#[derive(Debug, OpenApi)]
#[openapi(paths(notes), modifiers(&Bearer))]
pub struct Document;

/// The scheme of the callers' credentials.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// A tenant's notes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Notes {
    tenant: String,
}

/// The notes of the tenant that the request names.
#[utoipa::path(
    get,
    path = "/notes",
    params(("x-tenant-id" = String, Header, description = "The tenant's id")),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Notes),
        (status = 401, description = "No tenant is named, or no caller is verified", content_type = "application/problem+json"),
        (status = 403, description = "The caller is no member", content_type = "application/problem+json"),
    ),
)]
async fn notes(tenant: Tenant) -> Json<Notes> {
    Json(Notes {
        tenant: tenant.id().to_string(),
    })
}

/// The application: its routes, and the document, which is of no tenant.
pub fn app(tenancy: &Tenancy) -> Router {
    let scoped = Router::new().route("/notes", get(notes)).layer(tenancy.scoped());
    Router::new()
        .route("/openapi.json", get(|| async { Json(Document::openapi()) }))
        .merge(scoped)
}

//! aide: with the feature `aide` of `tenancy-axum`, the extractors may stand in handlers that aide documents.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::openapi::{Info, OpenApi};
use axum::routing::get;
use axum::{Extension, Json, Router};
use schemars::JsonSchema;
use serde::Serialize;
use tenancy_axum::{Caller, Tenancy, Tenant};

/// A tenant's notes.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Notes {
    tenant: String,
}

/// Who the caller is.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Account {
    subject: String,
    /// The tenant, if the request names one.
    tenant: Option<String>,
}

async fn notes(tenant: Tenant) -> Json<Notes> {
    Json(Notes {
        tenant: tenant.id().to_string(),
    })
}

async fn account(caller: Caller, tenant: Option<Tenant>) -> Json<Account> {
    Json(Account {
        subject: caller.subject().to_string(),
        tenant: tenant.map(|tenant| tenant.id().to_string()),
    })
}

/// The application: its routes, and the document, which is of no tenant.
pub fn app(tenancy: &Tenancy) -> Router {
    let mut document = OpenApi {
        info: Info {
            title: "Notes".to_owned(),
            ..Info::default()
        },
        ..OpenApi::default()
    };
    let scoped = ApiRouter::new()
        .api_route(
            "/notes",
            get_with(notes, |route| route.summary("The notes of a tenant")),
        )
        .layer(tenancy.scoped());
    let optional = ApiRouter::new()
        .api_route("/account", get_with(account, |route| route.summary("The caller")))
        .layer(tenancy.optional());
    let routes = ApiRouter::new().merge(scoped).merge(optional).finish_api(&mut document);
    let document = Arc::new(document);
    let shown = get(|Extension(document): Extension<Arc<OpenApi>>| async move { Json((*document).clone()) });
    Router::new()
        .route("/openapi.json", shown)
        .layer(Extension(document))
        .merge(routes)
}

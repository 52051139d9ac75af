//! The application on axum: routes, marks, and handlers without tenancy code of their own.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tenancy_axum::{Tenancy, Tenant, Visitor};

use crate::app::{App, AppError, Reply};

type Shared = State<Arc<App>>;

/// All routes, and again under the path template where there is one.
pub(crate) fn router(app: App, tenancy: &Tenancy, path_template: Option<&str>) -> Router {
    let tenant_routes = tenant_routes(tenancy);
    let mut router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .merge(tenant_routes.clone());
    if let Some(template) = path_template {
        router = router.nest(template, tenant_routes);
    }
    // Paths that no route has are enforced too: whoever probes learns nothing about tenants.
    router
        .merge(
            Router::new()
                .fallback(|| async { AppError::NotFound })
                .layer(tenancy.scoped()),
        )
        .with_state(Arc::new(app))
}

fn tenant_routes(tenancy: &Tenancy) -> Router<Arc<App>> {
    let scoped = Router::new()
        .route("/whoami", get(whoami))
        .route("/notes", get(list).post(create))
        .route("/notes/{id}", get(read).put(update).delete(delete))
        .layer(tenancy.scoped());
    let public = Router::new().route("/portal", get(portal)).layer(tenancy.public());
    let optional = Router::new().route("/maybe", get(maybe)).layer(tenancy.optional());
    scoped.merge(public).merge(optional)
}

async fn whoami(tenant: Tenant) -> Reply {
    Reply::whoami(&tenant)
}

async fn portal(visit: Visitor) -> Reply {
    Reply::tenant(Some(visit.id()))
}

async fn maybe(tenant: Option<Tenant>) -> Reply {
    Reply::tenant(tenant.as_ref().map(|tenant| tenant.id()))
}

async fn list(State(app): Shared) -> Result<Reply, AppError> {
    app.list().await
}

async fn create(State(app): Shared, body: Bytes) -> Result<Reply, AppError> {
    app.create(&body).await
}

async fn read(State(app): Shared, Path(id): Path<Note>) -> Result<Reply, AppError> {
    app.read(&id.id).await
}

async fn update(State(app): Shared, Path(id): Path<Note>, body: Bytes) -> Result<Reply, AppError> {
    app.update(&id.id, &body).await
}

async fn delete(State(app): Shared, Path(id): Path<Note>) -> Result<Reply, AppError> {
    app.delete(&id.id).await
}

/// The note's id in the path; the tenant's segment, where there is one, is tenancy's matter.
#[derive(serde::Deserialize)]
struct Note {
    id: String,
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(media_type) = self.media_type {
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        response
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        Reply::from(self).into_response()
    }
}

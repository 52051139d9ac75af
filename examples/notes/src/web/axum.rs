//! The application on axum: routes, access policies, and handlers without tenancy code of their own.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get};
use tenancy_axum::{Caller, Tenancy, Tenant, Visitor};

use crate::app::{App, AppError, Problem, Reply};

type Shared = State<Arc<App>>;
type Received = Result<Bytes, BytesRejection>;
type Named = Result<Path<Note>, PathRejection>;

/// All routes, and again under the path template where there is one.
pub(crate) fn router(app: App, tenancy: &Tenancy, path_template: Option<&str>) -> Router {
    let tenant_routes = tenant_routes(tenancy);
    let mut router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .merge(tenant_routes.clone());
    if let Some(template) = path_template {
        router = router.nest(template, tenant_routes);
    }
    // Unknown paths are enforced too, so that probing them shows nothing about tenants.
    router
        .merge(
            Router::new()
                .fallback(|| async { AppError::NotFound })
                .layer(tenancy.scoped()),
        )
        .layer(DefaultBodyLimit::max(App::MAX_BODY))
        .with_state(Arc::new(app))
}

fn tenant_routes(tenancy: &Tenancy) -> Router<Arc<App>> {
    let scoped = Router::new()
        .route("/whoami", only("GET,HEAD").get(whoami))
        .route("/notes", only("GET,HEAD,POST").get(list).post(create))
        .route(
            "/notes/{id}",
            only("GET,HEAD,PUT,DELETE").get(read).put(update).delete(delete),
        )
        .layer(tenancy.scoped());
    let public = Router::new()
        .route("/portal", only("GET,HEAD").get(portal))
        .layer(tenancy.public());
    let optional = Router::new()
        .route("/maybe", only("GET,HEAD").get(maybe))
        .layer(tenancy.optional());
    let authenticated = Router::new()
        .route("/account", only("GET,HEAD").get(account))
        .layer(tenancy.authenticated());
    scoped.merge(public).merge(optional).merge(authenticated)
}

/// A route that has these methods and answers 405 to others. Left to itself, axum puts `Allow` onto whatever came of
/// such a request, tenancy's refusals too: then a 403 would tell which routes there are.
fn only(methods: &'static str) -> MethodRouter<Arc<App>> {
    any(move || async move { (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, methods)]) })
}

async fn whoami(tenant: Tenant) -> Result<Reply, AppError> {
    Reply::whoami(&tenant)
}

async fn portal(visit: Visitor) -> Result<Reply, AppError> {
    Reply::tenant(Some(visit.id()))
}

async fn maybe(tenant: Option<Tenant>) -> Result<Reply, AppError> {
    Reply::tenant(tenant.as_ref().map(|tenant| tenant.id()))
}

async fn account(caller: Caller) -> Result<Reply, AppError> {
    Reply::account(&caller)
}

async fn list(State(app): Shared) -> Result<Reply, AppError> {
    app.list().await
}

async fn create(State(app): Shared, body: Received) -> Result<Reply, AppError> {
    app.create(&received(body)?).await
}

async fn read(State(app): Shared, note: Named) -> Result<Reply, AppError> {
    app.read(&named(note)?).await
}

async fn update(State(app): Shared, note: Named, body: Received) -> Result<Reply, AppError> {
    app.update(&named(note)?, &received(body)?).await
}

async fn delete(State(app): Shared, note: Named) -> Result<Reply, AppError> {
    app.delete(&named(note)?).await
}

/// The note's id in the path; the tenant's segment, where there is one, is tenancy's matter.
#[derive(serde::Deserialize)]
struct Note {
    id: String,
}

fn received(body: Received) -> Result<Bytes, AppError> {
    body.map_err(|refused| match refused.status() {
        StatusCode::PAYLOAD_TOO_LARGE => AppError::TooLarge,
        _ => AppError::Json,
    })
}

/// An id that cannot even be decoded is no note's.
fn named(note: Named) -> Result<String, AppError> {
    note.map(|Path(note)| note.id).map_err(|_| AppError::NotFound)
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
        let Problem {
            status,
            code,
            retry_after,
        } = self.into();
        tenancy_axum::problem(status, code, retry_after)
    }
}

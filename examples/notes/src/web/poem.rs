//! The application on poem: routes, access policies, and handlers without tenancy code of their own.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body::Body as _;
use http_body_util::combinators::BoxBody;
use hyper::body::{Bytes, Incoming};
use poem::endpoint::{DynEndpoint, ToDynEndpoint};
use poem::error::{MethodNotAllowedError, ReadBodyError};
use poem::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use poem::http::uri::Scheme;
use poem::http::{self, HeaderValue, Method, StatusCode, Uri};
use poem::web::{Data, LocalAddr, Path, RemoteAddr};
use poem::{Body, Endpoint, EndpointExt, IntoResponse, Request, Response, Route, RouteMethod, get, handler};
use tenancy_poem::{Caller, MaybeTenant, Tenancy, Tenant, Visitor};
use tower_service::Service;

use crate::app::{App, AppError, Problem, Reply};

/// All routes, and again under the path template where there is one.
pub(crate) fn service(app: App, tenancy: &Tenancy, path_template: Option<&str>) -> PoemService {
    let mut routes = Route::new().at("/healthz", methods("GET,HEAD", get(healthz)));
    routes = tenant_routes(routes, "", tenancy);
    if let Some(template) = path_template {
        // poem nests under no captures.
        routes = tenant_routes(routes, &template.replace("{tenant}", ":tenant"), tenancy);
    }
    // Unknown paths are enforced too, so that probing them shows nothing about tenants.
    let routes = routes.at("/*", no_route.with(tenancy.scoped()));
    PoemService(Arc::new(ToDynEndpoint(routes.data(app).around(with_length))))
}

fn tenant_routes(routes: Route, prefix: &str, tenancy: &Tenancy) -> Route {
    let at = |path: &str| format!("{prefix}{path}");
    let notes = methods("GET,HEAD,POST", get(list).post(create));
    let note = methods("GET,HEAD,PUT,DELETE", get(read).put(update).delete(delete));
    routes
        .at(at("/whoami"), methods("GET,HEAD", get(whoami)).with(tenancy.scoped()))
        .at(at("/notes"), notes.with(tenancy.scoped()))
        .at(at("/notes/:id"), note.with(tenancy.scoped()))
        .at(at("/portal"), methods("GET,HEAD", get(portal)).with(tenancy.public()))
        .at(at("/maybe"), methods("GET,HEAD", get(maybe)).with(tenancy.optional()))
        .at(
            at("/account"),
            methods("GET,HEAD", get(account)).with(tenancy.authenticated()),
        )
}

#[handler]
async fn healthz() -> &'static str {
    "ok"
}

#[handler]
async fn whoami(tenant: Tenant) -> Result<Reply, AppError> {
    Reply::whoami(&tenant)
}

#[handler]
async fn portal(visit: Visitor) -> Result<Reply, AppError> {
    Reply::tenant(Some(visit.id()))
}

#[handler]
async fn maybe(MaybeTenant(tenant): MaybeTenant) -> Result<Reply, AppError> {
    Reply::tenant(tenant.as_ref().map(|tenant| tenant.id()))
}

#[handler]
async fn account(caller: Caller) -> Result<Reply, AppError> {
    Reply::account(&caller)
}

#[handler]
async fn list(app: Data<&App>) -> Result<Reply, AppError> {
    app.list().await
}

#[handler]
async fn create(app: Data<&App>, body: Body) -> Result<Reply, AppError> {
    app.create(&received(body).await?).await
}

#[handler]
async fn read(app: Data<&App>, note: poem::Result<Path<Note>>) -> Result<Reply, AppError> {
    app.read(&named(note)?).await
}

#[handler]
async fn update(app: Data<&App>, note: poem::Result<Path<Note>>, body: Body) -> Result<Reply, AppError> {
    app.update(&named(note)?, &received(body).await?).await
}

#[handler]
async fn delete(app: Data<&App>, note: poem::Result<Path<Note>>) -> Result<Reply, AppError> {
    app.delete(&named(note)?).await
}

#[handler]
async fn no_route() -> Result<Reply, AppError> {
    Err(AppError::NotFound)
}

/// The note's id in the path; the tenant's segment, where there is one, is tenancy's matter.
#[derive(serde::Deserialize)]
struct Note {
    id: String,
}

async fn received(body: Body) -> Result<Bytes, AppError> {
    body.into_bytes_limit(App::MAX_BODY).await.map_err(|error| match error {
        ReadBodyError::PayloadTooLarge => AppError::TooLarge,
        _ => AppError::Json,
    })
}

/// An id that cannot even be decoded is no note's.
fn named(note: poem::Result<Path<Note>>) -> Result<String, AppError> {
    note.map(|Path(note)| note.id).map_err(|_| AppError::NotFound)
}

/// What a route answers to other methods; poem does not name those that it has.
fn methods(allow: &'static str, route: RouteMethod) -> impl Endpoint {
    route.catch_error(move |_: MethodNotAllowedError| async move {
        StatusCode::METHOD_NOT_ALLOWED.with_header(ALLOW, HeaderValue::from_static(allow))
    })
}

/// Each answer names its length; to a HEAD it is the one of the GET, without the body.
async fn with_length(app: Arc<impl Endpoint>, mut request: Request) -> poem::Result<Response> {
    let is_head = request.method() == Method::HEAD;
    if is_head {
        request.set_method(Method::GET);
    }
    let mut response = app.get_response(request).await;
    let body: BoxBody<_, _> = response.take_body().into();
    if let Some(length) = body.size_hint().exact() {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    if !is_head {
        response.set_body(body);
    }
    Ok(response)
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::from(self.body);
        response.set_status(StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        if let Some(media_type) = self.media_type {
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        response
    }
}

impl From<AppError> for poem::Error {
    fn from(error: AppError) -> Self {
        let Problem {
            status,
            code,
            retry_after,
        } = error.into();
        Self::from_response(tenancy_poem::problem(status, code, retry_after))
    }
}

/// A poem endpoint as a service, for a server that is not poem's own.
#[derive(Clone)]
pub(crate) struct PoemService(Arc<dyn DynEndpoint<Output = Response>>);

impl Service<http::Request<Incoming>> for PoemService {
    type Response = http::Response<BoxBody<Bytes, std::io::Error>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Incoming>) -> Self::Future {
        let mut request = Request::from((request, LocalAddr::default(), RemoteAddr::default(), Scheme::HTTP));
        if !request.uri().path().starts_with('/') {
            // `OPTIONS *` and CONNECT name no path. poem's routes need one; tenancy reads what was sent.
            *request.uri_mut() = Uri::default();
        }
        let endpoint = Arc::clone(&self.0);
        Box::pin(async move { Ok(endpoint.get_response(request).await.into()) })
    }
}

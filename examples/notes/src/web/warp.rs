//! The application on warp: routes, access policies, and handlers without tenancy code of their own.

use std::pin::pin;
use std::sync::Arc;

use futures_util::{Stream, TryStreamExt};
use http_body::Body;
use percent_encoding::percent_decode_str;
use tenancy_warp::{Caller, Tenancy, TenancyService, Tenant, Visitor};
use tenancy_warp::{caller, enforce, optional_tenant, tenant, visitor};
use warp::filters::BoxedFilter;
use warp::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use warp::http::{HeaderValue, Method, StatusCode};
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Buf, Filter, Rejection, Reply as _};

use crate::app::{App, AppError, Problem, Reply};

type Received = Result<Vec<u8>, AppError>;

/// All routes, and again under the path template where there is one.
pub(crate) fn service(
    app: App,
    tenancy: &Tenancy,
    path_template: Option<&str>,
) -> TenancyService<BoxedFilter<(Response,)>> {
    let healthz = warp::path!("healthz");
    let tenant_routes = tenant_routes(app, tenancy);
    let mut routes = (healthz.and(read_only()).map(|| "ok"))
        .or(healthz.map(|| not_allowed("GET,HEAD")))
        .or(tenant_routes.clone())
        .map(warp::Reply::into_response)
        .boxed();
    if let Some(template) = path_template {
        routes = routes.or(prefix(template).and(tenant_routes)).unify().boxed();
    }
    // Unknown paths are enforced too, so that probing them shows nothing about tenants.
    let fallback = tenancy.scoped(enforce().map(|| AppError::NotFound));
    let routes = no_trailing_slash().and(routes).or(fallback).unify();
    tenancy_warp::service(routes.and(warp::method()).map(with_length).boxed())
}

/// A path is enforced for the methods that it does not take, too.
fn tenant_routes(app: App, tenancy: &Tenancy) -> BoxedFilter<(Response,)> {
    let app = Arc::new(app);
    let app = warp::any().map(move || Arc::clone(&app));
    let (whoami_path, portal_path, maybe_path) = (warp::path!("whoami"), warp::path!("portal"), warp::path!("maybe"));
    let (notes_path, note_path) = (warp::path!("notes"), warp::path!("notes" / String));

    let whoami = whoami_path.and(read_only()).and(tenant()).then(whoami);
    let list = notes_path.and(read_only()).and(enforce()).and(app.clone()).then(list);
    let create = notes_path.and(warp::post()).and(enforce()).and(app.clone());
    let create = create.and(body()).then(create_note);
    let read = note_path.and(read_only()).and(enforce()).and(app.clone()).then(read);
    let update = note_path.and(warp::put()).and(enforce()).and(app.clone());
    let update = update.and(body()).then(update_note);
    let delete = note_path.and(warp::delete()).and(enforce()).and(app).then(delete);
    let portal = portal_path.and(read_only()).and(visitor()).then(portal);
    let maybe = maybe_path.and(read_only()).and(optional_tenant()).then(maybe);
    let account_path = warp::path!("account");
    let account = account_path.and(read_only()).and(caller()).then(account);
    let notes = list.or(create).or(read).or(update).or(delete);

    // The other methods of each path.
    let not_whoami = whoami_path.and(enforce()).map(|| not_allowed("GET,HEAD"));
    let not_notes = notes_path.and(enforce()).map(|| not_allowed("GET,HEAD,POST"));
    let not_note = note_path.and(enforce()).map(|_| not_allowed("GET,HEAD,PUT,DELETE"));
    let not_portal = portal_path.and(enforce()).map(|| not_allowed("GET,HEAD"));
    let not_maybe = maybe_path.and(enforce()).map(|| not_allowed("GET,HEAD"));
    let not_account = account_path.and(enforce()).map(|| not_allowed("GET,HEAD"));

    (tenancy.scoped(whoami.or(notes).or(not_whoami).or(not_notes).or(not_note)))
        .or(tenancy.public(portal.or(not_portal)))
        .or(tenancy.optional(maybe.or(not_maybe)))
        .or(tenancy.authenticated(account.or(not_account)))
        .map(warp::Reply::into_response)
        .boxed()
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

async fn list(app: Arc<App>) -> Result<Reply, AppError> {
    app.list().await
}

async fn create_note(app: Arc<App>, body: Received) -> Result<Reply, AppError> {
    app.create(&body?).await
}

async fn read(note: String, app: Arc<App>) -> Result<Reply, AppError> {
    app.read(&named(&note)?).await
}

async fn update_note(note: String, app: Arc<App>, body: Received) -> Result<Reply, AppError> {
    app.update(&named(&note)?, &body?).await
}

async fn delete(note: String, app: Arc<App>) -> Result<Reply, AppError> {
    app.delete(&named(&note)?).await
}

/// An id that cannot even be decoded is no note's.
fn named(note: &str) -> Result<String, AppError> {
    let note = percent_decode_str(note).decode_utf8();
    note.map(|note| note.into_owned()).map_err(|_| AppError::NotFound)
}

/// The body, of which no more is read than a note may have.
fn body() -> impl Filter<Extract = (Received,), Error = Rejection> + Copy {
    warp::body::stream().then(received)
}

async fn received(chunks: impl Stream<Item = Result<impl Buf, warp::Error>>) -> Received {
    let (mut chunks, mut body) = (pin!(chunks), Vec::new());
    while let Some(mut chunk) = chunks.try_next().await.map_err(|_| AppError::Json)? {
        let chunk = chunk.copy_to_bytes(chunk.remaining());
        if body.len() + chunk.len() > App::MAX_BODY {
            return Err(AppError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// GET, and HEAD, which is a GET without a body.
fn read_only() -> impl Filter<Extract = (), Error = Rejection> + Copy {
    warp::get().or(warp::head()).unify()
}

/// Names the length, which warp leaves to hyper, and which HEAD could not tell any more.
fn with_length(mut response: Response, method: Method) -> Response {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
    }
    if method == Method::HEAD {
        *response.body_mut() = Response::default().into_body();
    }
    response
}

fn not_allowed(methods: &'static str) -> Response {
    warp::reply::with_header(StatusCode::METHOD_NOT_ALLOWED, ALLOW, methods).into_response()
}

/// The routes' path before `/notes` and the like. Whom it names is tenancy's matter.
fn prefix(template: &str) -> BoxedFilter<()> {
    let segments = template.split('/').filter(|segment| !segment.is_empty());
    segments.fold(warp::any().boxed(), |prefix, segment| match segment {
        "{tenant}" => prefix
            .and(warp::path::param::<String>())
            .map(drop)
            .untuple_one()
            .boxed(),
        literal => prefix.and(warp::path(literal.to_owned())).boxed(),
    })
}

/// To warp `/notes/` is `/notes`; here it is another path. A CONNECT has none, and warp panics where it is asked for.
fn no_trailing_slash() -> impl Filter<Extract = (), Error = Rejection> + Copy {
    let has_path = |method: Method| async move {
        match method {
            Method::CONNECT => Err(warp::reject::not_found()),
            _ => Ok(()),
        }
    };
    let is_bare = |(), path: FullPath| async move {
        match path.as_str().ends_with('/') {
            true => Err(warp::reject::not_found()),
            false => Ok(()),
        }
    };
    let path = warp::method().and_then(has_path).and(warp::path::full());
    path.and_then(is_bare).untuple_one()
}

impl warp::Reply for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body.into());
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if let Some(media_type) = self.media_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        response
    }
}

impl warp::Reply for AppError {
    fn into_response(self) -> Response {
        let Problem {
            status,
            code,
            retry_after,
        } = self.into();
        tenancy_warp::problem(status, code, retry_after)
    }
}

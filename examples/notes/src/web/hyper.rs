//! The application on hyper alone: routes by hand, access policies by tenancy's layers around one tower service.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Collected, Either, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use tenancy_core::enforce::Rejection;
use tenancy_http::{RefusalForm, Tenancy, TenancyBody};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::app::{App, AppError, Problem, Reply};

type Answer = Response<Full<Bytes>>;
/// Under an access policy the body is tenancy's, so that a streamed one stays in the tenant's scope.
type Served = Response<Either<Full<Bytes>, TenancyBody<Full<Bytes>>>>;

/// Sends each request through the layer that sets the access policy of its route. Routes under the path template are the same.
pub(crate) fn service(
    app: App,
    tenancy: &Tenancy,
    path_template: Option<&str>,
) -> impl Service<Request<Incoming>, Response = Served, Error = Infallible, Future: Send> + Clone + Send + use<> {
    let (app, template) = (Arc::new(app), path_template.map(Arc::<str>::from));
    let central = service_fn(move |request| answer(Arc::clone(&app), request));
    let scoped = tenancy.scoped().layer(central.clone());
    let public = tenancy.public().layer(central.clone());
    let optional = tenancy.optional().layer(central.clone());
    let authenticated = tenancy.authenticated().layer(central.clone());
    service_fn(move |mut request: Request<Incoming>| {
        let route = Route::find(request.uri().path(), template.as_deref());
        let guarded = match route {
            Route::Healthz => Either::Left(central.clone()),
            Route::Portal => Either::Right(public.clone()),
            Route::Maybe => Either::Right(optional.clone()),
            Route::Account => Either::Right(authenticated.clone()),
            // Unknown paths are enforced too, so that probing them shows nothing about tenants.
            Route::Whoami | Route::Notes | Route::Note(_) | Route::Unknown => Either::Right(scoped.clone()),
        };
        request.extensions_mut().insert(route);
        async move {
            match guarded {
                Either::Left(central) => Ok(central.oneshot(request).await?.map(Either::Left)),
                Either::Right(guarded) => Ok(guarded.oneshot(request).await?.map(Either::Right)),
            }
        }
    })
}

/// What a path leads to.
#[derive(Clone, Debug, Default)]
enum Route {
    Healthz,
    Whoami,
    Portal,
    Maybe,
    Account,
    Notes,
    /// A note, by its id as it stands in the path.
    Note(String),
    #[default]
    Unknown,
}

impl Route {
    fn find(path: &str, template: Option<&str>) -> Self {
        if path == "/healthz" {
            return Self::Healthz;
        }
        let nested = || Self::of_tenant(behind(template?, path)?);
        Self::of_tenant(path).or_else(nested).unwrap_or_default()
    }

    fn of_tenant(path: &str) -> Option<Self> {
        match path {
            "/whoami" => Some(Self::Whoami),
            "/portal" => Some(Self::Portal),
            "/maybe" => Some(Self::Maybe),
            "/account" => Some(Self::Account),
            "/notes" => Some(Self::Notes),
            _ => {
                let id = path.strip_prefix("/notes/")?;
                (!id.is_empty() && !id.contains('/')).then(|| Self::Note(id.to_owned()))
            }
        }
    }
}

/// What follows the template in a path. Any segment may stand for the tenant: which ones do is tenancy's matter.
fn behind<'p>(template: &str, path: &'p str) -> Option<&'p str> {
    let (before, after) = template.split_once("{tenant}")?;
    let rest = path.strip_prefix(before)?;
    rest.get(rest.find('/')?..)?.strip_prefix(after)
}

async fn answer(app: Arc<App>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let method = request.method().clone();
    let form = RefusalForm::of(&method, request.headers());
    let response = match reply(&app, request).await {
        Ok(reply) => reply.into(),
        Err(Refused::App(error)) => error.into(),
        Err(Refused::Method(allowed)) => not_allowed(allowed),
        Err(Refused::Tenancy(rejection)) => tenancy_http::rejection_response(&rejection, form).map(Full::new),
    };
    // HEAD is GET without a body, and says how long that would be.
    Ok(match method {
        Method::HEAD => response.map(|_| Full::default()),
        _ => response,
    })
}

/// Why a request gets no answer from its handler.
enum Refused {
    App(AppError),
    /// These are the methods that the route has.
    Method(&'static str),
    Tenancy(Rejection),
}

impl From<AppError> for Refused {
    fn from(error: AppError) -> Self {
        Self::App(error)
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self::Tenancy(rejection)
    }
}

/// The handlers. Each asks tenancy for as much of a tenant as its access policy gives.
async fn reply(app: &App, request: Request<Incoming>) -> Result<Reply, Refused> {
    let (mut parts, body) = request.into_parts();
    let route = parts.extensions.remove::<Route>().unwrap_or_default();
    Ok(match (route, parts.method.as_str()) {
        (Route::Healthz, "GET" | "HEAD") => healthy(),
        (Route::Whoami, "GET" | "HEAD") => Reply::whoami(&tenancy_http::tenant(&parts.extensions)?)?,
        (Route::Portal, "GET" | "HEAD") => Reply::tenant(Some(tenancy_http::visitor(&parts.extensions)?.id()))?,
        (Route::Maybe, "GET" | "HEAD") => {
            let tenant = tenancy_http::optional_tenant(&parts.extensions)?;
            Reply::tenant(tenant.as_ref().map(|tenant| tenant.id()))?
        }
        (Route::Account, "GET" | "HEAD") => Reply::account(&tenancy_http::caller(&parts.extensions)?)?,
        // The store finds the tenant in the context that the layer has entered.
        (Route::Notes, "GET" | "HEAD") => app.list().await?,
        (Route::Notes, "POST") => app.create(&received(body).await?).await?,
        (Route::Note(id), "GET" | "HEAD") => app.read(&decoded(&id)?).await?,
        (Route::Note(id), "PUT") => {
            // Read whatever the id is: a body left unread would cost the client its connection.
            let body = received(body).await;
            app.update(&decoded(&id)?, &body?).await?
        }
        (Route::Note(id), "DELETE") => app.delete(&decoded(&id)?).await?,
        (Route::Notes, _) => return Err(Refused::Method("GET,HEAD,POST")),
        (Route::Note(_), _) => return Err(Refused::Method("GET,HEAD,PUT,DELETE")),
        (Route::Unknown, _) => return Err(AppError::NotFound.into()),
        (Route::Healthz | Route::Whoami | Route::Portal | Route::Maybe | Route::Account, _) => {
            return Err(Refused::Method("GET,HEAD"));
        }
    })
}

fn healthy() -> Reply {
    Reply {
        status: 200,
        media_type: Some("text/plain; charset=utf-8"),
        body: b"ok".to_vec(),
    }
}

async fn received(body: Incoming) -> Result<Bytes, AppError> {
    let collected = Limited::new(body, App::MAX_BODY).collect().await;
    collected.map(Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            AppError::TooLarge
        } else {
            AppError::Json
        }
    })
}

/// An id that cannot even be decoded is no note's.
fn decoded(id: &str) -> Result<String, AppError> {
    let id = percent_decode_str(id).decode_utf8();
    id.map(Into::into).map_err(|_| AppError::NotFound)
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if let Some(media_type) = reply.media_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        headers.insert(CONTENT_LENGTH, HeaderValue::from(reply.body.len()));
        response.map(|()| Full::from(reply.body))
    }
}

impl From<AppError> for Answer {
    fn from(error: AppError) -> Self {
        let Problem {
            status,
            code,
            retry_after,
        } = error.into();
        tenancy_http::problem(status, code, retry_after).map(Full::new)
    }
}

fn not_allowed(allowed: &'static str) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
    response
}

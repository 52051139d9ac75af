//! The page beside the application, below a path of its own.

use std::future::Future;

use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{Either, Full};
use hyper::body::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tower::{Service, ServiceExt, service_fn};

use super::explanation::explained;
use super::{Page, assets};

/// The field of an answer that has the steps of the decision, percent-encoded, a line for each.
const EXPLANATION: HeaderName = HeaderName::from_static("explanation");

type Served<B> = Response<Either<Full<Bytes>, B>>;

/// The application with the page beside it, if there is one. Everything else than the page is the application's.
pub(crate) fn beside<S, I, B>(
    page: Option<Page>,
    application: S,
) -> impl Service<Request<I>, Response = Served<B>, Error = S::Error, Future: Send> + Clone + Send + 'static
where
    S: Service<Request<I>, Response = Response<B>, Future: Send> + Clone + Send + 'static,
    S::Error: Send,
    I: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
{
    service_fn(move |request: Request<I>| {
        let (page, application) = (page.clone(), application.clone());
        async move {
            let below = page.as_ref().and_then(|page| page.below(request.uri().path()));
            match (&page, below) {
                (Some(page), Some(below)) => page.answer(request, &below, application).await,
                _ => Ok(application.oneshot(request).await?.map(Either::Right)),
            }
        }
    })
}

impl Page {
    /// The path below the page's own.
    fn below(&self, path: &str) -> Option<String> {
        Some(path.strip_prefix(&*self.path)?.strip_prefix('/')?.to_owned())
    }

    fn answer<S, I, B>(
        &self,
        request: Request<I>,
        below: &str,
        application: S,
    ) -> impl Future<Output = Result<Served<B>, S::Error>> + Send
    where
        S: Service<Request<I>, Response = Response<B>, Future: Send> + Send,
        S::Error: Send,
        I: Send,
        B: Send,
    {
        let own = self.own(request.method(), below);
        let acted = own.is_none().then(|| self.act(request, below)).flatten();
        async move {
            let Some(request) = acted else {
                return Ok(own.unwrap_or_else(not_found).map(Either::Left));
            };
            let (answered, steps) = explained(application.oneshot(request)).await;
            let mut response = answered?;
            let steps = utf8_percent_encode(&steps.join("\n"), NON_ALPHANUMERIC).to_string();
            if let Ok(steps) = HeaderValue::try_from(steps) {
                response.headers_mut().insert(EXPLANATION, steps);
            }
            response
                .headers_mut()
                .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(response.map(Either::Right))
        }
    }

    /// What the page itself is made of.
    fn own(&self, method: &Method, below: &str) -> Option<Response<Full<Bytes>>> {
        if method != Method::GET {
            return None;
        }
        if below == "cast" {
            let cast = serde_json::to_vec(&*self.cast).ok()?;
            return Some(assets::answer(StatusCode::OK, "application/json", cast));
        }
        assets::file(below)
    }

    /// The request of a person in a tenant, as they would send it: `as/PERSON/in/TENANT/PATH` becomes `/PATH` with their
    /// credentials and the tenant's name. What the browser sends of these by itself is left out.
    fn act<I>(&self, mut request: Request<I>, below: &str) -> Option<Request<I>> {
        let (person, rest) = below.strip_prefix("as/")?.split_once("/in/")?;
        let (tenant, path) = rest.split_once('/')?;
        let (authorization, tenant) = self.cast.fields(person.parse().ok()?, tenant.parse().ok()?)?;
        let path = match request.uri().query() {
            Some(query) => format!("/{path}?{query}"),
            None => format!("/{path}"),
        };
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
        *request.uri_mut() = Uri::from_parts(parts).ok()?;
        let fields = request.headers_mut();
        fields.remove(COOKIE);
        fields.remove(AUTHORIZATION);
        if let Some(authorization) = authorization {
            fields.insert(AUTHORIZATION, authorization);
        }
        fields.insert(self.tenant_field.clone(), tenant);
        Some(request)
    }
}

fn not_found() -> Response<Full<Bytes>> {
    assets::answer(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n")
}

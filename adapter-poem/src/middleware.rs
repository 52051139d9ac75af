use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;

use http_body::Body as _;
use http_body_util::combinators::BoxBody;
use poem::http::header::CONTENT_LENGTH;
use poem::http::request::Parts;
use poem::http::{self, HeaderValue, Method};
use poem::{Body, Endpoint, Middleware, Request, Response, ResponseParts};
use tenancy_core::context::{self, TenantScope};
use tenancy_core::enforce::Rejection;
use tenancy_http::{Admission, RefusalForm, RequestGuard, TenancyBody, TenancyLayer, add_vary, rejection_response};

/// Sets the access policy of the endpoints under it: scoped, optional or public.
///
/// Inside another access policy it may confirm the tenant and narrow the access; it never replaces the tenant.
#[derive(Clone, Debug)]
#[doc(alias = "layer")]
#[doc(alias = "guard")]
#[doc(alias = "route policy")]
pub struct TenancyMiddleware(TenancyLayer);

impl TenancyMiddleware {
    pub(crate) const fn new(layer: TenancyLayer) -> Self {
        Self(layer)
    }
}

impl<E: Endpoint> Middleware<E> for TenancyMiddleware {
    type Output = TenancyEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        TenancyEndpoint {
            layer: self.0.clone(),
            inner,
        }
    }
}

/// An endpoint under an access policy.
///
/// It never fails: refusals, and errors of the endpoint inside, become responses.
#[derive(Clone, Debug)]
pub struct TenancyEndpoint<E> {
    layer: TenancyLayer,
    inner: E,
}

impl<E: Endpoint> Endpoint for TenancyEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let (parts, admission) = self.layer.admit(take_parts(&mut request)).await;
        let Admission { scope, vary, guard, .. } = admission;
        let method = request.method().clone();
        *request.headers_mut() = parts.headers;
        *request.extensions_mut() = parts.extensions;
        let mut response = match scope {
            Ok(scope) => {
                // Within the block, so that the endpoint's future is made in the scope, too.
                let inner = async { self.inner.get_response(request).await };
                let mut running = pin!(context::scope(scope, inner));
                let response = poll_fn(|cx| guard.enter(|| running.as_mut().poll(cx))).await;
                with_scope(response, running.take_scope(), guard, &method)
            }
            Err(rejection) => refusal(&rejection, RefusalForm::of(&method, request.headers())),
        };
        if let Some(vary) = vary {
            add_vary(response.headers_mut(), vary);
        }
        Ok(response)
    }
}

/// The head of the request as tenancy reads it: with the URI that the client sent.
///
/// Fields and extensions are moved out. The caller puts them back before anything else sees the request.
fn take_parts(request: &mut Request) -> Parts {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = request.method().clone();
    parts.uri = request.original_uri().clone();
    parts.version = request.version();
    parts.headers = mem::take(request.headers_mut());
    parts.extensions = mem::take(request.extensions_mut());
    parts
}

/// Gives the scope and the guard to the body, which is polled after the endpoint has returned.
fn with_scope(mut response: Response, scope: Option<TenantScope>, guard: RequestGuard, method: &Method) -> Response {
    // As poem's own boxed body: its conversion from a response of `http` would lose the length.
    let body: BoxBody<_, _> = response.take_body().into();
    if method == Method::HEAD {
        // The length of the GET without its body (RFC 9110 §9.3.2); poem leaves errors their bodies.
        if let Some(length @ 1..) = body.size_hint().exact() {
            let length = HeaderValue::from(length);
            response.headers_mut().entry(CONTENT_LENGTH).or_insert(length);
        }
    } else {
        response.set_body(BoxBody::new(TenancyBody::new(body, scope).with_guard(guard)));
    }
    response
}

/// The response to a refused request.
pub(crate) fn refusal(rejection: &Rejection, form: RefusalForm) -> Response {
    into_poem(rejection_response(rejection, form))
}

pub(crate) fn into_poem(response: poem::http::Response<impl Into<Body>>) -> Response {
    let (parts, body) = response.into_parts();
    let parts = ResponseParts {
        status: parts.status,
        version: parts.version,
        headers: parts.headers,
        extensions: parts.extensions,
    };
    Response::from_parts(parts, body.into())
}

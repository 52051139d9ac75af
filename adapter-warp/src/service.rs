use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tenancy_core::context;
use tower_service::Service;
use warp::{Filter, Rejection, Reply};

use crate::body::{ResponseBody, scoped};
use crate::slot::{Handle, Turn};

/// Makes a filter a service, in the place of [`warp::service`].
///
/// The access policies in the filter need it: it keeps a request bound while its filters run, and while its
/// response's body is sent. Under [`warp::service`] or `warp::serve` they answer 500.
///
/// As with [`warp::service`], the request's body must be `Send + Sync + 'static`: hyper's `Incoming`
/// is, axum's `Body` is not.
pub fn service<F>(filter: F) -> TenancyService<F>
where
    F: Filter<Extract: Reply, Error: Into<Rejection>> + Clone,
{
    TenancyService { filter }
}

/// A filter as a service; see [`service`].
#[derive(Clone, Copy, Debug)]
pub struct TenancyService<F> {
    filter: F,
}

impl<F, B> Service<Request<B>> for TenancyService<F>
where
    F: Filter<Extract: Reply, Error: Into<Rejection>, Future: 'static> + Clone,
    B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Sync + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let handle = Handle::new(&parts);
        parts.extensions.insert(handle.clone());
        Box::pin(Following {
            handle,
            running: warp::service(self.filter.clone()).call(Request::from_parts(parts, body)),
        })
    }
}

pin_project! {
    /// Runs the filters, each in the scope that its access policies have bound the request to.
    ///
    /// Each poll enters a scope for this request alone, which the filters replace when an access policy has been decided on
    /// or is left. They cannot replace a span that they are polled in: there the filter gives its turn back, and is polled in
    /// the new span at once. When the request is refused, no filter runs again.
    struct Following<R> {
        handle: Handle,
        #[pin]
        running: R,
    }
}

impl<R> Future for Following<R>
where
    R: Future<Output = Result<warp::reply::Response, Infallible>>,
{
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut response = loop {
            let (mut scope, guard) = this.handle.begin_turn();
            let polled = guard.enter(|| context::enter(&mut scope, || this.running.as_mut().poll(cx)));
            match this.handle.turn() {
                Turn::Refused(refusal) => break refusal.map(Into::into),
                Turn::GivenBack if polled.is_pending() => {}
                Turn::GivenBack | Turn::Over => break ready!(polled)?,
            }
        };
        for vary in this.handle.take_vary() {
            tenancy_http::add_vary(response.headers_mut(), vary);
        }
        Poll::Ready(Ok(scoped(response)))
    }
}

//! The future of a request under a tenancy layer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tenancy_core::context::{self, Scope};
use tower_service::Service;

use super::admission::{Admission, Deciding, Verdict};
use crate::TenancyBody;
use crate::response::{add_vary, rejection_response};

pin_project! {
    /// The future of a request under a [`TenancyLayer`](crate::TenancyLayer).
    #[must_use = "futures do nothing unless polled"]
    pub struct TenancyFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, S::Future, B>,
    }
}

pin_project! {
    #[project = Projected]
    pub(crate) enum State<S, F, B> {
        Deciding { #[pin] deciding: Deciding, waiting: Option<(S, B)> },
        Running { #[pin] running: Scope<F>, vary: Option<HeaderValue> },
        Refused { response: Option<Response<Bytes>>, vary: Option<HeaderValue> },
    }
}

impl<S: Service<Request<B>>, B> State<S, S::Future, B> {
    pub(crate) const fn deciding(deciding: Deciding, inner: S, body: B) -> Self {
        Self::Deciding {
            deciding,
            waiting: Some((inner, body)),
        }
    }

    /// Goes on with what was decided: calls the inner service, or refuses.
    #[inline]
    pub(crate) fn proceed(verdict: Verdict, inner: &mut S, request: Request<B>) -> Self {
        let Verdict { bound, vary } = verdict;
        match bound {
            Ok(bound) => Self::Running {
                running: context::scope_with(bound, || inner.call(request)),
                vary,
            },
            Err(rejection) => Self::Refused {
                response: Some(rejection_response(&rejection, request.method())),
                vary,
            },
        }
    }
}

impl<S: Service<Request<B>>, B> TenancyFuture<S, B> {
    pub(crate) const fn new(state: State<S, S::Future, B>) -> Self {
        Self { state }
    }
}

impl<S, B, R> Future for TenancyFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<TenancyBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let (mut response, vary) = match state.as_mut().project() {
                Projected::Deciding { deciding, waiting } => {
                    let Admission { parts, bound, vary } = ready!(deciding.poll(cx));
                    let Some((mut inner, body)) = waiting.take() else {
                        return Poll::Pending;
                    };
                    let request = Request::from_parts(parts, body);
                    state.set(State::proceed(Verdict { bound, vary }, &mut inner, request));
                    continue;
                }
                Projected::Running { mut running, vary } => {
                    let response = ready!(running.as_mut().poll(cx))?;
                    let bound = running.take_bound();
                    (response.map(|body| TenancyBody::new(body, bound)), vary.take())
                }
                Projected::Refused { response, vary } => match response.take() {
                    Some(response) => (response.map(TenancyBody::refusal), vary.take()),
                    None => return Poll::Pending,
                },
            };
            if let Some(vary) = vary {
                add_vary(response.headers_mut(), &vary);
            }
            return Poll::Ready(Ok(response));
        }
    }
}

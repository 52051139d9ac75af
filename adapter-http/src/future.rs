//! The future of a request under a tenancy layer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tenancy_core::context::{self, Bound, Scope};
use tower_service::Service;

use crate::engine::{BoxFuture, Decision};
use crate::layer::Placed;
use crate::response::{add_vary, rejection_response};
use crate::{TenancyBody, TenancyLayer};

pin_project! {
    /// The future of a request under a [`TenancyLayer`].
    #[must_use = "futures do nothing unless polled"]
    pub struct TenancyFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, S::Future, B>,
        vary: Option<HeaderValue>,
    }
}

pin_project! {
    #[project = Projected]
    pub(crate) enum State<S, F, B> {
        Deciding { waiting: Option<Waiting<S, B>> },
        Running { #[pin] running: Scope<F>, bound: Bound },
        Refused { response: Option<Response<Bytes>> },
    }
}

/// A request whose decision needs an answer from elsewhere.
pub(crate) struct Waiting<S, B> {
    deciding: BoxFuture<(Parts, Decision)>,
    body: B,
    inner: S,
    layer: TenancyLayer,
    placed: Placed,
}

impl<S, F: Future, B> State<S, F, B> {
    pub(crate) fn running(running: F, bound: Bound) -> Self {
        Self::Running {
            running: context::scope(bound.clone(), running),
            bound,
        }
    }

    pub(crate) fn deciding(
        deciding: BoxFuture<(Parts, Decision)>,
        body: B,
        inner: S,
        layer: TenancyLayer,
        placed: Placed,
    ) -> Self {
        Self::Deciding {
            waiting: Some(Waiting {
                deciding,
                body,
                inner,
                layer,
                placed,
            }),
        }
    }
}

/// Goes on with what was decided: binds the request and calls the inner service, or refuses.
pub(crate) fn proceed<S: Service<Request<B>>, B>(
    layer: &TenancyLayer,
    placed: Placed,
    inner: &mut S,
    mut parts: Parts,
    body: B,
    decision: Decision,
) -> State<S, S::Future, B> {
    match decision.and_then(|outcome| layer.bind(&mut parts, placed, outcome)) {
        Ok(bound) => {
            let request = Request::from_parts(parts, body);
            State::running(context::sync_scope(bound.clone(), || inner.call(request)), bound)
        }
        Err(rejection) => State::Refused {
            response: Some(rejection_response(&rejection, &parts.method)),
        },
    }
}

impl<S: Service<Request<B>>, B> TenancyFuture<S, B> {
    pub(crate) const fn new(state: State<S, S::Future, B>, vary: Option<HeaderValue>) -> Self {
        Self { state, vary }
    }
}

impl<S, B, R> Future for TenancyFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<TenancyBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut response = loop {
            let next = match this.state.as_mut().project() {
                Projected::Deciding { waiting } => {
                    let Some(pending) = waiting.as_mut() else {
                        return Poll::Pending;
                    };
                    let (parts, decision) = ready!(pending.deciding.as_mut().poll(cx));
                    let Some(Waiting {
                        body,
                        mut inner,
                        layer,
                        placed,
                        ..
                    }) = waiting.take()
                    else {
                        return Poll::Pending;
                    };
                    proceed(&layer, placed, &mut inner, parts, body, decision)
                }
                Projected::Running { running, bound } => {
                    break ready!(running.poll(cx))?.map(|body| TenancyBody::scoped(body, bound.clone()));
                }
                Projected::Refused { response } => match response.take() {
                    Some(response) => break response.map(TenancyBody::refusal),
                    None => return Poll::Pending,
                },
            };
            this.state.set(next);
        };
        if let Some(vary) = this.vary {
            add_vary(response.headers_mut(), vary);
        }
        Poll::Ready(Ok(response))
    }
}

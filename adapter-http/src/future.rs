//! The future of a request under a tenancy layer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tenancy_core::context::{self, Bound, Scope};
use tenancy_core::{Access, Rejection};
use tower_service::Service;

use crate::engine::{BoxFuture, Decision};
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
    enum State<S, F, B> {
        Deciding { waiting: Option<Waiting<S, B>> },
        Running { #[pin] running: Scope<F>, bound: Bound },
        Refused { response: Option<Response<Bytes>> },
    }
}

/// A request whose decision needs an answer from elsewhere.
struct Waiting<S, B> {
    deciding: BoxFuture<(Parts, Decision)>,
    body: B,
    inner: S,
    layer: TenancyLayer,
    access: Access,
    outer: Option<Bound>,
}

impl<S: Service<Request<B>>, B> TenancyFuture<S, B> {
    pub(crate) fn running(running: S::Future, bound: Bound, vary: Option<HeaderValue>) -> Self {
        Self {
            state: State::Running {
                running: context::scope(bound.clone(), running),
                bound,
            },
            vary,
        }
    }

    pub(crate) fn refused(rejection: &Rejection, method: &Method, vary: Option<HeaderValue>) -> Self {
        Self {
            state: State::Refused {
                response: Some(rejection_response(rejection, method)),
            },
            vary,
        }
    }

    pub(crate) fn deciding(
        deciding: BoxFuture<(Parts, Decision)>,
        body: B,
        inner: S,
        layer: TenancyLayer,
        access: Access,
        outer: Option<Bound>,
        vary: Option<HeaderValue>,
    ) -> Self {
        let waiting = Waiting {
            deciding,
            body,
            inner,
            layer,
            access,
            outer,
        };
        Self {
            state: State::Deciding { waiting: Some(waiting) },
            vary,
        }
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
        loop {
            let next = match this.state.as_mut().project() {
                Projected::Deciding { waiting } => {
                    let Some(pending) = waiting.as_mut() else {
                        return Poll::Pending;
                    };
                    let (parts, decision) = ready!(pending.deciding.as_mut().poll(cx));
                    let Some(decided) = waiting.take() else {
                        return Poll::Pending;
                    };
                    decided.proceed(parts, decision)
                }
                Projected::Running { running, bound } => {
                    let response = ready!(running.poll(cx))?;
                    let mut response = response.map(|body| TenancyBody::scoped(body, bound.clone()));
                    if let Some(vary) = this.vary {
                        add_vary(response.headers_mut(), vary);
                    }
                    return Poll::Ready(Ok(response));
                }
                Projected::Refused { response } => {
                    let Some(response) = response.take() else {
                        return Poll::Pending;
                    };
                    let mut response = response.map(TenancyBody::refusal);
                    if let Some(vary) = this.vary {
                        add_vary(response.headers_mut(), vary);
                    }
                    return Poll::Ready(Ok(response));
                }
            };
            this.state.set(next);
        }
    }
}

impl<S: Service<Request<B>>, B> Waiting<S, B> {
    /// Goes on with what was decided.
    fn proceed(mut self, mut parts: Parts, decision: Decision) -> State<S, S::Future, B> {
        let bound = decision.and_then(|outcome| self.layer.bind(&mut parts, self.access, self.outer.as_ref(), outcome));
        match bound {
            Ok(bound) => {
                let request = Request::from_parts(parts, self.body);
                let running = context::sync_scope(bound.clone(), || self.inner.call(request));
                State::Running {
                    running: context::scope(bound.clone(), running),
                    bound,
                }
            }
            Err(rejection) => State::Refused {
                response: Some(rejection_response(&rejection, &parts.method)),
            },
        }
    }
}

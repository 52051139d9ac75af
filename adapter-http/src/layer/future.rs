//! The future of a request under a tenancy layer.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tenancy_core::context::{self, Scope};
use tower_service::Service;

use super::admit::Admission;
use super::body::TenancyBody;
use super::guard::RequestGuard;
use super::parts::BoxFuture;
use crate::RefusalForm;
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
        Waiting { admitting: BoxFuture<(Parts, Admission)>, inner: Option<(S, B)> },
        Running { #[pin] running: Scope<F>, vary: Option<HeaderValue>, guard: RequestGuard },
        Refused { response: Option<Response<Bytes>>, vary: Option<HeaderValue> },
    }
}

impl<S: Service<Request<B>>, B> State<S, S::Future, B> {
    pub(crate) const fn waiting(admitting: BoxFuture<(Parts, Admission)>, inner: S, body: B) -> Self {
        Self::Waiting {
            admitting,
            inner: Some((inner, body)),
        }
    }

    /// Calls the inner service, or refuses.
    #[inline]
    pub(crate) fn proceed(admission: Admission, inner: &mut S, request: Request<B>) -> Self {
        let Admission { scope, vary, guard } = admission;
        match scope {
            Ok(scope) => Self::Running {
                running: guard.enter(|| context::scope_with(scope, || inner.call(request))),
                vary,
                guard,
            },
            Err(rejection) => Self::Refused {
                response: Some(rejection_response(
                    &rejection,
                    RefusalForm::of(request.method(), request.headers()),
                )),
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
                Projected::Waiting { admitting, inner } => {
                    let (parts, admission) = ready!(admitting.as_mut().poll(cx));
                    let Some((mut inner, body)) = inner.take() else {
                        return Poll::Pending;
                    };
                    let request = Request::from_parts(parts, body);
                    state.set(State::proceed(admission, &mut inner, request));
                    continue;
                }
                Projected::Running {
                    mut running,
                    vary,
                    guard,
                } => {
                    let response = ready!(guard.enter(|| running.as_mut().poll(cx)))?;
                    let (scope, guard) = (running.take_scope(), mem::replace(guard, RequestGuard::none()));
                    let response = response.map(|body| TenancyBody::new(body, scope).with_guard(guard));
                    (response, vary.take())
                }
                Projected::Refused { response, vary } => match response.take() {
                    Some(response) => (response.map(TenancyBody::refusal), vary.take()),
                    None => return Poll::Pending,
                },
            };
            if let Some(vary) = vary {
                add_vary(response.headers_mut(), vary);
            }
            return Poll::Ready(Ok(response));
        }
    }
}

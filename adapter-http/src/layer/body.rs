//! Response bodies that are polled inside the request's scope.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tenancy_core::context::{self, TenantScope};

use super::guard::RequestGuard;

pin_project! {
    /// The body of a response under a tenancy layer.
    ///
    /// A body is polled after the handler has returned. It is polled in the scope of its request, so that a streamed
    /// body still finds the tenant in the context.
    #[derive(Debug)]
    pub struct TenancyBody<B> {
        #[pin]
        source: Source<B>,
        guard: RequestGuard,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = Projected]
    enum Source<B> {
        Handler { #[pin] body: B, scope: Option<TenantScope> },
        Refusal { data: Option<Bytes> },
    }
}

impl<B> TenancyBody<B> {
    /// Wraps a handler's body, which is polled in the scope that its request is bound to; `None` if no layer has bound
    /// the request. It is for frameworks that have no tower services, as
    /// [`TenancyLayer::admit`](crate::TenancyLayer::admit) is.
    #[must_use]
    pub const fn new(body: B, scope: Option<TenantScope>) -> Self {
        Self {
            source: Source::Handler { body, scope },
            guard: RequestGuard::none(),
        }
    }

    /// Has the body hold what goes with its request; see [`Admission`](crate::Admission). The body is polled in its span.
    #[must_use]
    pub fn with_guard(mut self, guard: RequestGuard) -> Self {
        self.guard = guard;
        self
    }

    pub(crate) fn refusal(data: Bytes) -> Self {
        Self {
            source: Source::Refusal {
                data: Some(data).filter(|data| !data.is_empty()),
            },
            guard: RequestGuard::none(),
        }
    }
}

/// An empty body. Layers outside that answer by themselves, such as one for CORS, make one.
impl<B> Default for TenancyBody<B> {
    fn default() -> Self {
        Self::refusal(Bytes::new())
    }
}

impl<B: Body<Data = Bytes>> Body for TenancyBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.project();
        match this.source.project() {
            Projected::Handler { body, scope } if scope.is_some() => {
                this.guard.enter(|| context::enter(scope, || body.poll_frame(cx)))
            }
            // The task that polls it may be in another scope.
            Projected::Handler { body, .. } => this.guard.enter(|| body.poll_frame(cx)),
            Projected::Refusal { data } => Poll::Ready(data.take().map(|data| Ok(Frame::data(data)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Handler { body, .. } => body.is_end_stream(),
            Source::Refusal { data } => data.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Handler { body, .. } => body.size_hint(),
            Source::Refusal { data } => SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64)),
        }
    }
}

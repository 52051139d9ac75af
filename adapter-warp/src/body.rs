//! Response bodies that are polled inside the request's scope.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tenancy_core::context::{self, Bound};
use warp::reply::Response;

/// The body of a response from [`service`](crate::service()).
///
/// A body is polled after the handler has returned; a streamed one still finds the tenant in its
/// context.
pub struct ResponseBody {
    body: WarpBody,
    bound: Option<Bound>,
}

/// Takes the scope that a mark has left on a response.
pub(crate) fn scoped(mut response: Response) -> http::Response<ResponseBody> {
    let bound = response.extensions_mut().remove::<Scoped>().map(|Scoped(bound)| bound);
    response.map(|body| ResponseBody { body, bound })
}

/// The scope that the body of a response belongs into: that of the innermost mark it comes from.
///
/// It travels with the response. An answer that a filter outside of the mark turns into a rejection
/// takes it along.
#[derive(Clone)]
pub(crate) struct Scoped(pub(crate) Bound);

impl Scoped {
    pub(crate) fn stay_with(self, mut response: Response) -> Response {
        response.extensions_mut().get_or_insert_with(|| self);
        response
    }
}

/// An empty body, as layers around the service make one.
impl Default for ResponseBody {
    fn default() -> Self {
        Self {
            body: Response::default().into_body(),
            bound: None,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = warp::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, warp::Error>>> {
        let Self { body, bound } = &mut *self;
        match bound {
            Some(bound) => context::sync_scope(bound.clone(), || Pin::new(body).poll_frame(cx)),
            None => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}

/// warp's body, which has no public name.
type WarpBody = <Response as Carries>::Body;

trait Carries {
    type Body;
}

impl<B> Carries for http::Response<B> {
    type Body = B;
}

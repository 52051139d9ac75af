//! Streams and bodies that end with their tenure.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tenancy_core::enforce::Rejection;

use super::tenure::Tenure;

impl Tenure {
    /// Ends a stream when the connection may not go on. What the stream holds is dropped then.
    ///
    /// It is polled between two items at most: a stream that is not read ends when it is read next.
    #[doc(alias = "EventSource")]
    pub const fn while_admitted<S: Stream>(self, stream: S) -> StreamWhileAdmitted<S> {
        StreamWhileAdmitted {
            stream: Some(stream),
            tenure: Some(self),
            last: None,
        }
    }

    /// As [`while_admitted`](Self::while_admitted), with a last item that says why: the status of a gRPC stream, an error of a
    /// body's stream.
    pub fn while_admitted_or<S: Stream>(
        self,
        stream: S,
        last: impl FnOnce(Rejection) -> S::Item + Send + Sync + 'static,
    ) -> StreamWhileAdmitted<S> {
        StreamWhileAdmitted {
            stream: Some(stream),
            tenure: Some(self),
            last: Some(Box::new(last)),
        }
    }

    /// Ends a body in an error when the connection may not go on, so that nobody takes what was sent for the whole.
    pub const fn while_admitted_body<B: Body<Data = Bytes>>(self, body: B) -> BodyWhileAdmitted<B> {
        BodyWhileAdmitted {
            body: Some(body),
            tenure: Some(self),
        }
    }
}

/// The last item of a stream, which says why it ends.
type Last<T> = Box<dyn FnOnce(Rejection) -> T + Send + Sync>;

pin_project! {
    /// A stream that ends when its connection may not go on: see [`Tenure::while_admitted`].
    #[must_use = "streams do nothing unless polled"]
    pub struct StreamWhileAdmitted<S: Stream> {
        // `None` once it has ended: what it holds is free then.
        #[pin]
        stream: Option<S>,
        tenure: Option<Tenure>,
        last: Option<Last<S::Item>>,
    }
}

impl<S: Stream> Stream for StreamWhileAdmitted<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        let Some(tenure) = this.tenure else {
            return Poll::Ready(None);
        };
        // First, so that a stream which always has an item ends, too.
        let item = match tenure.poll_ended(cx) {
            Poll::Ready(ended) => {
                let last = this.last.take().map(|last| last(ended));
                *this.tenure = None;
                this.stream.set(None);
                return Poll::Ready(last);
            }
            Poll::Pending => match this.stream.as_mut().as_pin_mut() {
                Some(stream) => ready!(stream.poll_next(cx)),
                None => None,
            },
        };
        if item.is_none() {
            *this.tenure = None;
            *this.last = None;
            this.stream.set(None);
        }
        Poll::Ready(item)
    }
}

impl<S: Stream> fmt::Debug for StreamWhileAdmitted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamWhileAdmitted")
            .field("tenure", &self.tenure)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// A body that ends in an error when its connection may not go on: see [`Tenure::while_admitted_body`].
    #[derive(Debug)]
    pub struct BodyWhileAdmitted<B> {
        #[pin]
        body: Option<B>,
        tenure: Option<Tenure>,
    }
}

/// The error is the body's own, or the [`Rejection`].
impl<B> Body for BodyWhileAdmitted<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut this = self.project();
        let Some(tenure) = this.tenure else {
            return Poll::Ready(None);
        };
        let frame = match tenure.poll_ended(cx) {
            Poll::Ready(ended) => {
                *this.tenure = None;
                this.body.set(None);
                return Poll::Ready(Some(Err(ended.into())));
            }
            Poll::Pending => match this.body.as_mut().as_pin_mut() {
                Some(body) => ready!(body.poll_frame(cx)),
                None => None,
            },
        };
        if frame.is_none() {
            *this.tenure = None;
            this.body.set(None);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

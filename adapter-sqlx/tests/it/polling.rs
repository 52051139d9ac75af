//! Futures that are dropped somewhere in between.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

/// Polls a future at most so many times, then drops it. `None` where it was not ready by then.
pub(crate) async fn poll_at_most<F: Future>(times: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polled = 0;
    std::future::poll_fn(|context| {
        if polled == times {
            return Poll::Ready(None);
        }
        polled += 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

//! Futures that are dropped somewhere in between, and those that are tried again.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

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

/// What succeeds at some time, however busy the machine is: for a pool whose own time-out is short, since the test is about
/// what that refuses.
pub(crate) async fn at_last<T, E, F>(mut attempt: impl FnMut() -> F) -> T
where
    E: std::fmt::Debug,
    F: Future<Output = Result<T, E>>,
{
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
        }
    }
}

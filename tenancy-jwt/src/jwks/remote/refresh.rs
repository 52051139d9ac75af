//! The task that fetches, for as long as it is wanted.

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::shared::Shared;
use super::{FetchedJwks, JwksFetcher};
use crate::JwksError;
use crate::jwks::jwk_set::JwkSet;
use crate::key::key_set::KeySet;

/// What an issuer may ask for by `max-age`.
const FRESH: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 60 * 60));
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

pub(super) struct Refresh<F: JwksFetcher> {
    pub(super) shared: Arc<Shared>,
    pub(super) fetcher: F,
    /// What the keys were read from.
    last: Option<(Vec<u8>, Arc<KeySet>)>,
    failures: u32,
}

impl<F: JwksFetcher> Refresh<F> {
    pub(super) const fn new(shared: Arc<Shared>, fetcher: F) -> Self {
        Self {
            shared,
            fetcher,
            last: None,
            failures: 0,
        }
    }

    /// Fetches, and waits until it is time to fetch again, or until a request asks.
    pub(super) async fn run(mut self) {
        loop {
            let pause = self.refresh().await;
            let shared = Arc::clone(&self.shared);
            let _ = timeout(pause, shared.wanted()).await;
        }
    }

    async fn refresh(&mut self) -> Duration {
        let shared = Arc::clone(&self.shared);
        shared.begin();
        let requested_at = shared.clock.now();
        let fetching = unwinding(async { self.fetcher.fetch().await });
        let fetched = match timeout(shared.times.timeout, fetching).await {
            Ok(Some(Ok(fetched))) => self.take(fetched, requested_at).map_err(Failure::Document),
            Ok(Some(Err(error))) => Err(Failure::Fetch(error)),
            Ok(None) => Err(Failure::Panicked),
            Err(_) => Err(Failure::TimedOut),
        };
        let pause = match fetched {
            Ok(max_age) => {
                self.failures = 0;
                let fresh = max_age.map(|max_age| max_age.clamp(FRESH.0, FRESH.1));
                // Half of their time is left for further attempts, if this one should fail.
                let latest = shared.times.maximum_age / 2;
                fresh.unwrap_or(shared.times.refresh_interval).min(latest)
            }
            Err(failure) => self.report(&failure),
        };
        // Those who wait are woken last, when the keys are there.
        shared.finish();
        pause
    }

    /// Replaces the keys: those that are gone verify nothing any more.
    fn take(&mut self, fetched: FetchedJwks, requested_at: Instant) -> Result<Option<Duration>, JwksError> {
        let source = self.fetcher.name();
        let keys = match &self.last {
            Some((document, keys)) if *document == fetched.document => {
                tracing::debug!(source, "fetched the key set, which is as before");
                Arc::clone(keys)
            }
            _ => {
                let JwkSet { keys, skipped } = self.shared.rules.parse(&fetched.document)?;
                if !skipped.is_empty() {
                    tracing::warn!(source, count = skipped.len(), "left out keys of the key set: {skipped}");
                }
                match keys.len() {
                    0 => tracing::error!(source, "fetched a key set without a key that can be used"),
                    count => tracing::info!(source, keys = count, "fetched a key set"),
                }
                let keys = Arc::new(keys);
                self.last = Some((fetched.document, Arc::clone(&keys)));
                keys
            }
        };
        self.shared.set(keys, requested_at);
        Ok(fetched.max_age)
    }

    /// Logs a failure, and says how long to wait: longer each time, and not all at the same time.
    fn report(&mut self, failure: &Failure<F::Error>) -> Duration {
        let error: &dyn Error = failure;
        let source = self.fetcher.name();
        if self.shared.current().is_some() {
            tracing::warn!(source, error, "failed to fetch the key set, the keys stay as they were");
        } else {
            tracing::error!(source, error, "failed to fetch the key set, and there are no keys");
        }
        let longest = BACKOFF.0.saturating_mul(1 << self.failures.min(16)).min(BACKOFF.1);
        self.failures = self.failures.saturating_add(1);
        longest.mul_f64(jitter())
    }
}

impl<F: JwksFetcher> Drop for Refresh<F> {
    fn drop(&mut self) {
        // Nobody misses what is fetched for a verifier that is gone.
        if self.shared.end() {
            let source = self.fetcher.name();
            let reason = if std::thread::panicking() {
                "something has panicked"
            } else {
                "its tokio runtime has ended"
            };
            tracing::error!(source, "the key set is not fetched any more: {reason}");
        }
    }
}

/// What comes of the future: nothing, if it panics. A fetcher's panic is one failure, and not the end of
/// all fetches.
async fn unwinding<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| {
        // It is not polled again, and of what it leaves behind only the fetcher sees anything.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}

/// From 0.5 to 1.
fn jitter() -> f64 {
    let mut random = [0];
    match getrandom::fill(&mut random) {
        Ok(()) => 0.5 + f64::from(random[0]) / 510.0,
        Err(_) => 1.0,
    }
}

/// Why the keys are not refreshed.
#[derive(Debug)]
enum Failure<E> {
    Fetch(E),
    Document(JwksError),
    Panicked,
    TimedOut,
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Document(problem) => write!(f, "the document is refused: {problem}"),
            Self::Panicked => f.write_str("the fetcher has panicked"),
            Self::TimedOut => f.write_str("the fetch took too long"),
        }
    }
}

impl<E: Error + 'static> Error for Failure<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Fetch(error) => error.source(),
            Self::Document(_) | Self::Panicked | Self::TimedOut => None,
        }
    }
}

use std::error::Error;
use std::time::Duration;

use tenancy_core::directory::{Change, ChangeFeed, Invalidate};

/// How long to wait before a feed that failed is polled again.
const PAUSE: Duration = Duration::from_secs(1);

/// Invalidates `caches` for each change that `feed` delivers, until the feed ends. Spawn it where the caches are made. If
/// it is dropped, or once the feed has ended, cached answers are served until they expire.
///
/// It begins by forgetting everything, since a feed delivers later changes only. An error of the feed is logged and
/// empties the caches; a second later the feed is polled again.
///
/// # Security
///
/// A change takes effect once it has been delivered here: the delay is that of the feed. While the feed is disconnected,
/// or if it lost a change without saying so, a cached answer is served until it expires. The directory behind the cache
/// must give the new answer by then: a replica that lags behind would bring the old one back.
///
/// # Panics
///
/// If the feed fails outside of a tokio runtime with its timer enabled.
#[doc(alias = "invalidation")]
#[doc(alias = "revocation")]
pub async fn follow(mut feed: impl ChangeFeed, caches: impl Invalidate) {
    caches.invalidate(&Change::Everything);
    loop {
        match feed.next().await {
            Ok(Some(change)) => caches.invalidate(&change),
            Ok(None) => {
                tracing::info!("the feed of changes has ended, cached answers are served until they expire");
                return;
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn Error,
                    "failed to receive changes, cached answers are forgotten, and new ones are served until they expire"
                );
                caches.invalidate(&Change::Everything);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

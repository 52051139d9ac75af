use std::error::Error;
use std::time::Duration;

use tenancy_core::{Change, ChangeFeed, Invalidate};

/// How long a feed that failed is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells `caches` of each change that `feed` tells, until no more will come. Spawn it where the caches are
/// made. Where it is dropped, or the feed has ended, each kept answer holds for its time.
///
/// It begins by forgetting everything, since the feed tells of later changes only. An error of the feed is
/// logged and empties the caches; a second later the feed is asked again.
///
/// # Security
///
/// A change binds once this has told of it: the delay is that of the feed's delivery. While the feed is
/// deaf, or where it lost a change without saying so, a kept answer holds for its time at most. What is
/// asked again must give the new answer: a replica that lags behind would bring the old one back.
///
/// # Panics
///
/// Where the feed fails outside of a tokio runtime that has time.
pub async fn follow(mut feed: impl ChangeFeed, caches: impl Invalidate) {
    caches.invalidate(&Change::Everything);
    loop {
        match feed.next().await {
            Ok(Some(change)) => caches.invalidate(&change),
            Ok(None) => {
                tracing::info!("no more changes are told, each kept answer holds for its time");
                return;
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn Error,
                    "changes are not told for now, each kept answer holds for its time"
                );
                caches.invalidate(&Change::Everything);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

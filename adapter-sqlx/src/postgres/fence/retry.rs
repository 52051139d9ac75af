//! Waiting for a place that is locked, without a connection.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::{FenceRefusal, StrategyError};

/// The pause before the second attempt, on average. Each one after is twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(100);

/// Begins again while the place is locked, until the time-out. Nothing is held in between: callers who wait on a lock in the
/// database would take all connections of the pool from other tenants.
pub(in crate::postgres) async fn until_unlocked<T, F>(
    timeout: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<T, StrategyError>
where
    F: Future<Output = Result<T, StrategyError>>,
{
    let begun = Instant::now();
    let mut average = FIRST;
    loop {
        let locked = match attempt().await {
            Err(locked @ StrategyError::Fenced(FenceRefusal::Locked)) => locked,
            begun => return begun,
        };
        let pause = jittered(average);
        if begun.elapsed() + pause >= timeout {
            return Err(locked);
        }
        tokio::time::sleep(pause).await;
        average = (average * 2).min(LONGEST);
    }
}

/// Between a half and one and a half of it, so that many who were refused together do not come back together.
fn jittered(average: Duration) -> Duration {
    let random = u32::try_from(RandomState::new().hash_one(()) % 1000).unwrap_or_default();
    average / 2 + average * random / 1000
}

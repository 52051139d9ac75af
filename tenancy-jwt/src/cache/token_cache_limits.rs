use std::time::Duration;

use crate::BuildVerifierError;
use crate::limits::{MAX_CAPACITY, MAX_TIME_TO_LIVE};

pub(crate) const DEFAULT_CAPACITY: usize = 10_000;
pub(crate) const DEFAULT_TIME_TO_LIVE: Duration = Duration::from_secs(60);
pub(crate) const MIN_TIME_TO_LIVE: Duration = Duration::from_secs(1);
/// How many verified tokens a [`TokenVerifier`](crate::TokenVerifier) caches, and for how long.
#[derive(Clone, Debug)]
pub struct TokenCacheLimits {
    pub(crate) capacity: usize,
    pub(crate) time_to_live: Duration,
}

impl TokenCacheLimits {
    /// The defaults: 10,000 tokens for 60 s.
    #[must_use]
    pub fn new() -> Self {
        Self {
            capacity: DEFAULT_CAPACITY,
            time_to_live: DEFAULT_TIME_TO_LIVE,
        }
    }

    /// Sets how many tokens are cached. Default: 10,000. At least 1, at most 1,000,000.
    ///
    /// Each takes about 1 KiB. One that lists many tenants or roles counts as several.
    #[must_use]
    pub fn with_capacity(self, capacity: usize) -> Self {
        Self { capacity, ..self }
    }

    /// Sets how long a token is cached, counted from its verification by the system's clock, in whole seconds: a
    /// fraction is cut off. Default: 60 s. At least a second, at most an hour. It is never served beyond its `exp`.
    #[must_use]
    #[doc(alias = "TTL")]
    pub fn with_time_to_live(self, time_to_live: Duration) -> Self {
        Self { time_to_live, ..self }
    }

    pub(crate) fn check(self) -> Result<Self, BuildVerifierError> {
        if !(1..=MAX_CAPACITY).contains(&self.capacity) {
            return Err(BuildVerifierError::TokenCacheCapacity);
        }
        if self.time_to_live < MIN_TIME_TO_LIVE || self.time_to_live > MAX_TIME_TO_LIVE {
            return Err(BuildVerifierError::TokenCacheTimeToLive);
        }
        Ok(self)
    }
}

impl Default for TokenCacheLimits {
    fn default() -> Self {
        Self::new()
    }
}

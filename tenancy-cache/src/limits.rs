use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tenancy_core::clock::Clock;

use crate::CoarseClock;

/// How many answers a cache holds, and for how long.
///
/// Hits and misses are bounded apart, so that a flood of misses evicts no hit.
#[doc(alias = "TTL")]
#[derive(Clone)]
pub struct CacheLimits {
    pub(crate) capacity: usize,
    pub(crate) miss_capacity: usize,
    pub(crate) time_to_live: Duration,
    pub(crate) miss_time_to_live: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl CacheLimits {
    /// The defaults: 10,000 hits for 60 s, 1,000 misses for 5 s, by [`CoarseClock`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            capacity: 10_000,
            miss_capacity: 1_000,
            time_to_live: Duration::from_secs(60),
            miss_time_to_live: Duration::from_secs(5),
            clock: Arc::new(CoarseClock),
        }
    }

    /// Sets how many hits are cached, beside the 256 at most in the cache of each thread. Default: 10,000. A tenant's name
    /// takes at most 400 bytes, if the directory's entry holds its record by a
    /// [`TenantHandle`](tenancy_core::directory::TenantHandle) and nothing else; what else it holds is added.
    #[must_use]
    pub fn with_capacity(self, capacity: usize) -> Self {
        Self { capacity, ..self }
    }

    /// Sets how many misses are cached. Default: 1,000.
    #[must_use]
    pub fn with_miss_capacity(self, miss_capacity: usize) -> Self {
        Self { miss_capacity, ..self }
    }

    /// Sets how long a hit is cached, counted from the beginning of its query. Default: 60 s.
    #[must_use]
    #[doc(alias = "TTL")]
    pub fn with_time_to_live(self, time_to_live: Duration) -> Self {
        Self { time_to_live, ..self }
    }

    /// Sets how long a miss is cached, counted from the beginning of its query. Default: 5 s.
    #[must_use]
    #[doc(alias = "negative cache")]
    pub fn with_miss_time_to_live(self, miss_time_to_live: Duration) -> Self {
        Self {
            miss_time_to_live,
            ..self
        }
    }

    /// Sets the clock. Default: [`CoarseClock`]. Answers expire earlier by its [`resolution`](Clock::resolution), so that
    /// none is served late.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CacheLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLimits")
            .field("capacity", &self.capacity)
            .field("miss_capacity", &self.miss_capacity)
            .field("time_to_live", &self.time_to_live)
            .field("miss_time_to_live", &self.miss_time_to_live)
            .finish_non_exhaustive()
    }
}

//! When answers expire.

use std::time::{Duration, Instant};

use crate::CacheLimits;

/// When an answer expires, in nanoseconds since the cache was made. The greatest is never.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Expiry(u64);

impl Expiry {
    /// Whether an answer is served at `now`.
    #[inline]
    pub(super) const fn is_ahead(self, now: Now) -> bool {
        now.0 < self.0 || self.0 == u64::MAX
    }
}

/// A time, in nanoseconds since the cache was made.
#[derive(Clone, Copy)]
pub(super) struct Now(u64);

/// The clock of a cache.
pub(super) struct Timer {
    start: Instant,
}

impl Timer {
    pub(super) fn new(limits: &CacheLimits) -> Self {
        Self {
            start: limits.clock.now(),
        }
    }

    #[inline]
    pub(super) fn now(&self, limits: &CacheLimits) -> Now {
        Now(nanos(limits.clock.now().saturating_duration_since(self.start)))
    }

    /// The clock may be behind by its resolution, so an answer expires by that much earlier, and is never served late.
    pub(super) fn expiry(&self, queried_at: Instant, time_to_live: Duration, limits: &CacheLimits) -> Expiry {
        let time_to_live = time_to_live.saturating_sub(limits.clock.resolution());
        let queried_at = queried_at.saturating_duration_since(self.start);
        Expiry(queried_at.checked_add(time_to_live).map_or(u64::MAX, nanos))
    }
}

/// 584 years are never.
#[inline]
fn nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::from(duration.subsec_nanos()))
}

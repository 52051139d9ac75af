//! How often something may happen.

use std::time::Duration;

/// How many requests may begin in a time, and how many of them at once.
///
/// It is the generic cell rate algorithm (GCRA, ITU-T I.371), a leaky bucket without a timer: requests are spaced evenly,
/// and up to [`burst`](Self::burst) of them may come ahead of their time. A tenant that was idle may begin that many at
/// once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "GCRA")]
#[doc(alias = "leaky bucket")]
#[doc(alias = "token bucket")]
pub struct Rate {
    /// The time between two requests, in nanoseconds.
    interval: u64,
    burst: u32,
}

impl Rate {
    /// This many requests in each `period`, and this many at once. `None` if that is no request at all, no time at all,
    /// more than one request per nanosecond, or a period of more than 30 days.
    #[must_use]
    pub const fn new(requests: u32, period: Duration) -> Option<Self> {
        const LONGEST: u128 = 30 * 24 * 60 * 60 * 1_000_000_000;
        let nanoseconds = period.as_nanos();
        if requests == 0 || nanoseconds < requests as u128 || nanoseconds > LONGEST {
            return None;
        }
        // Rounded down: a tenant never gets less than what it was promised.
        let interval = (nanoseconds / requests as u128) as u64;
        Some(Self {
            interval,
            burst: requests,
        })
    }

    /// This many requests per second, and this many at once. `None` if it is 0.
    #[must_use]
    pub const fn per_second(requests: u32) -> Option<Self> {
        Self::new(requests, Duration::from_secs(1))
    }

    /// Sets how many requests may come at once. Default: as many as in one period. 0 stands for 1.
    #[must_use]
    pub const fn with_burst(self, burst: u32) -> Self {
        let burst = if burst == 0 { 1 } else { burst };
        Self { burst, ..self }
    }

    /// How many requests may come at once.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// The time between two requests that come evenly.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval)
    }

    /// By how much the theoretical time of the next request may be ahead of the clock, in nanoseconds.
    pub(crate) const fn tolerance(&self) -> u64 {
        self.interval.saturating_mul(self.burst as u64 - 1)
    }

    pub(crate) const fn nanoseconds(&self) -> u64 {
        self.interval
    }
}

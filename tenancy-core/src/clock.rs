//! Clocks: the time by which cached answers and keys expire. The rules of a request read no clock.

use core::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The time by which cached answers expire.
#[doc(alias = "clock skew")]
pub trait Clock: Send + Sync {
    /// The current time. It never goes back.
    fn now(&self) -> Instant;

    /// By how much [`now`](Self::now) may be behind. Default: zero. A cache expires its answers earlier by this.
    fn resolution(&self) -> Duration {
        Duration::ZERO
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Instant {
        (**self).now()
    }

    fn resolution(&self) -> Duration {
        (**self).resolution()
    }
}

/// The system's monotonic clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// A clock for tests: it stands still until [`advance`](Self::advance) is called.
#[doc(alias = "mock clock")]
pub struct ManualClock(Mutex<Instant>);

impl ManualClock {
    /// A clock that stands at the current time.
    #[must_use]
    pub fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// Advances the clock by `time`.
    pub fn advance(&self, time: Duration) {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) += time;
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

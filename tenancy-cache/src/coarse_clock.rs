//! A clock that is cheap to read.

use std::time::{Duration, Instant};

use tenancy_core::clock::Clock;

/// The system's monotonic clock as of its last tick. It is a few milliseconds behind, and several times cheaper to read than
/// [`SystemClock`](tenancy_core::clock::SystemClock). Where the system has no such clock (other than Linux), it is the same one.
#[derive(Clone, Copy, Debug, Default)]
pub struct CoarseClock;

#[cfg(target_os = "linux")]
impl CoarseClock {
    const ID: rustix::time::ClockId = rustix::time::ClockId::MonotonicCoarse;

    fn duration(time: rustix::time::Timespec) -> Duration {
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    }

    fn read() -> Duration {
        Self::duration(rustix::time::clock_gettime(Self::ID))
    }
}

#[cfg(target_os = "linux")]
impl Clock for CoarseClock {
    fn now(&self) -> Instant {
        /// A time by both clocks, this one's first: it is the one that may be behind.
        static START: std::sync::LazyLock<(Duration, Instant)> =
            std::sync::LazyLock::new(|| (CoarseClock::read(), Instant::now()));
        let (coarse, start) = *START;
        start + Self::read().saturating_sub(coarse)
    }

    fn resolution(&self) -> Duration {
        Self::duration(rustix::time::clock_getres(Self::ID))
    }
}

#[cfg(not(target_os = "linux"))]
impl Clock for CoarseClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
}

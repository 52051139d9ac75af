//! When a connection is checked.

use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How far off a time may be that is waited for. A connection lives for less.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// The shortest interval, so that a mistake does not keep a thread busy.
const SHORTEST: Duration = Duration::from_millis(1);

/// When a connection is checked, and for how long it goes on unchecked. It has one timer, which is made at the first wait.
pub(super) struct Schedule {
    pub(super) interval: Duration,
    pub(super) tolerance: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// When the last check began that has confirmed the connection.
    confirmed: Instant,
    random: u64,
}

impl Schedule {
    pub(super) fn new(interval: Duration, tolerance: Duration) -> Self {
        Self {
            interval,
            tolerance,
            timer: None,
            confirmed: Instant::now(),
            random: RandomState::new().hash_one(0),
        }
    }

    /// Waits for the next check. The first is due at once: what has changed since the admission may have been notified before
    /// the connection could be.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.timer {
            None => Poll::Ready(()),
            Some(timer) => timer.as_mut().poll(cx),
        }
    }

    /// A check that began at this time has confirmed the connection.
    pub(super) const fn confirm(&mut self, begun: Instant) {
        self.confirmed = begun;
    }

    /// Whether the connection has not been confirmed for too long.
    pub(super) fn is_overdue(&self) -> bool {
        self.confirmed.elapsed() >= self.tolerance
    }

    /// The next check is after an interval, or at one of these times if that is sooner.
    pub(super) fn rest(&mut self, sooner: impl IntoIterator<Item = Instant>) {
        let after_interval = later(Instant::now(), self.jittered());
        let next = sooner.into_iter().fold(after_interval, Instant::min);
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(next),
            none => *none = Some(Box::pin(sleep_until(next))),
        }
    }

    /// When the connection is overdue.
    pub(super) fn overdue_at(&self) -> Instant {
        later(self.confirmed, self.tolerance)
    }

    /// Three quarters of the interval up to all of it, so that connections which were made at once are not checked at once.
    fn jittered(&mut self) -> Duration {
        // A linear congruential generator (Knuth), of which the upper bits are used. Nobody is to be surprised by it.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let interval = self.interval.clamp(SHORTEST, FAR);
        let part = u32::try_from(self.random >> 40).unwrap_or(0) % 257;
        interval / 4 * 3 + interval / 4 / 256 * part
    }
}

fn later(from: Instant, by: Duration) -> Instant {
    from.checked_add(by.min(FAR)).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn checks_are_spread_and_never_later_than_the_interval() {
        let interval = Duration::from_secs(30);
        let mut schedule = Schedule::new(interval, interval);
        let waits: Vec<_> = (0..1000).map(|_| schedule.jittered()).collect();
        let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(*least >= interval / 4 * 3 && *most <= interval, "{least:?} to {most:?}");
        assert!(*most - *least > interval / 8, "{least:?} to {most:?}");
        for interval in [Duration::ZERO, Duration::MAX] {
            let mut odd = Schedule::new(interval, interval);
            odd.rest([]);
            assert!((SHORTEST / 2..=FAR).contains(&odd.jittered()));
            assert!(odd.overdue_at() >= odd.confirmed);
        }
    }
}

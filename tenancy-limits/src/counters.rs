//! What is counted of one tenant.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::{LimitExceeded, Limits, Rate};

/// What is counted of one tenant. Requests begin under the lock of the store, and end without it. Times are nanoseconds since the limiter was made.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// The theoretical arrival time of the next request, if requests came evenly. In the past, the tenant is idle.
    next: AtomicU64,
    under_way: AtomicU32,
}

impl Counters {
    /// Counts a request, or nothing.
    pub(crate) fn enter(&self, limits: &Limits, now: u64) -> Result<(), LimitExceeded> {
        let most = limits.under_way().map_or(u32::MAX, |most| most.get());
        let entered = self
            .under_way
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < most).then_some(count + 1)
            });
        if entered.is_err() {
            return Err(LimitExceeded::UnderWay);
        }
        if let Some(rate) = limits.rate() {
            self.spend(rate, now).inspect_err(|_| self.leave())?;
        }
        Ok(())
    }

    pub(crate) fn leave(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether it holds nothing that a new one would not: all requests have ended, and the next is not ahead of its time.
    pub(crate) fn is_idle(&self, now: u64) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0 && self.next.load(Ordering::Relaxed) <= now
    }

    fn spend(&self, rate: Rate, now: u64) -> Result<(), LimitExceeded> {
        let mut ahead = 0;
        let spent = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
            ahead = next.saturating_sub(now);
            (ahead <= rate.tolerance()).then(|| next.max(now).saturating_add(rate.nanoseconds()))
        });
        match spent {
            Ok(_) => Ok(()),
            Err(_) => Err(LimitExceeded::Rate {
                retry_after: Duration::from_nanos(ahead - rate.tolerance()),
            }),
        }
    }
}

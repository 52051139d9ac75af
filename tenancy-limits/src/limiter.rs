//! Counts what tenants use.

use std::fmt;
use std::time::Instant;

use tenancy_core::clock::{Clock, SystemClock};
use tenancy_core::directory::TenantRecord;

use crate::store::Store;
use crate::{LimitExceeded, Limits, Permit};

type LimitsOf = Box<dyn Fn(&TenantRecord) -> Option<Limits> + Send + Sync>;

/// Counts what tenants use, and refuses what is beyond their limits.
///
/// What it holds follows the number of tenants that are busy at a time: about 150 bytes each.
#[doc(alias = "rate limit")]
#[doc(alias = "quota")]
pub struct TenantLimiter {
    default: Limits,
    limits_of: Option<LimitsOf>,
    clock: Box<dyn Clock>,
    begun: Instant,
    store: Store,
}

impl TenantLimiter {
    /// Begins with the limits of every tenant.
    #[must_use]
    pub fn new(default: Limits) -> Self {
        Self {
            default,
            limits_of: None,
            clock: Box::new(SystemClock),
            begun: SystemClock.now(),
            store: Store::new(),
        }
    }

    /// Sets where a tenant's own limits come from, such as its plan; for `None` it has those of every tenant. It is called
    /// once for each request, so it reads what is in memory. A tenant whose limits change keeps what was counted.
    #[must_use]
    pub fn with_limits_of(
        mut self,
        limits_of: impl Fn(&TenantRecord) -> Option<Limits> + Send + Sync + 'static,
    ) -> Self {
        self.limits_of = Some(Box::new(limits_of));
        self
    }

    /// Sets the clock. Default: the system's monotonic one.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.begun = clock.now();
        self.clock = Box::new(clock);
        self
    }

    /// Counts a request of a tenant, which is under way until the permit and its clones are dropped.
    ///
    /// Call it after the caller was admitted: who is charged for strangers can be flooded by strangers.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded`]; then nothing is counted.
    pub fn enter(&self, tenant: &TenantRecord) -> Result<Permit, LimitExceeded> {
        let own = self.limits_of.as_ref().and_then(|limits_of| limits_of(tenant));
        let limits = own.unwrap_or(self.default);
        if limits.are_none() {
            return Ok(Permit::unlimited());
        }
        let counters = self.store.enter(&tenant.id, &limits, self.now())?;
        Ok(Permit::of(counters))
    }

    /// How many tenants it has counters of.
    #[must_use]
    pub fn tenants(&self) -> usize {
        self.store.len()
    }

    /// In nanoseconds, for 584 years.
    fn now(&self) -> u64 {
        let elapsed = self.clock.now().saturating_duration_since(self.begun);
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for TenantLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantLimiter")
            .field("default", &self.default)
            .finish_non_exhaustive()
    }
}

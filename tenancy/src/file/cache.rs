//! The table `[cache]`.

use std::time::Duration;

use tenancy_cache::CacheLimits;

use super::check::Check;

tenancy_core::config::settings! {
    /// The table `[cache]`: how long the directory's answers about tenants and members are cached, and how many.
    pub struct CacheConfig {
        /// Whether any are. Default: `true`.
        pub enabled: bool = true,
        /// How long an answer that found something is cached, in seconds, 1 to 86400. A change that is not notified goes
        /// unnoticed for so long. Default: 60.
        pub time_to_live_seconds: u64 = 60,
        /// How long an answer that found nothing is cached, in seconds, 1 to 86400. Default: 5.
        pub miss_time_to_live_seconds: u64 = 5,
        /// How many tenants are cached, and how many members, 1 to 1000000. Default: 10000.
        pub capacity: u64 = 10_000,
        /// How many of those that were not found, likewise. Default: 1000.
        pub miss_capacity: u64 = 1_000,
    }
}

const DAY: u64 = 24 * 60 * 60;

/// About a gigabyte.
const MAX_CAPACITY: u64 = 1_000_000;

impl CacheConfig {
    /// The limits; `None` if nothing is cached.
    pub(crate) fn limits(&self, check: &mut Check) -> Option<CacheLimits> {
        let mut within = |name: &str, given: u64, most: u64| {
            if !(1..=most).contains(&given) {
                let instead = if given == 0 {
                    "; to cache nothing, set `enabled = false`"
                } else {
                    ""
                };
                let problem = format!("expected a number from 1 to {most}{instead}");
                check.problem(format!("cache.{name}"), problem);
            }
            given.clamp(1, most)
        };
        let time_to_live = within("time_to_live_seconds", self.time_to_live_seconds, DAY);
        let miss_time_to_live = within("miss_time_to_live_seconds", self.miss_time_to_live_seconds, DAY);
        let capacity = within("capacity", self.capacity, MAX_CAPACITY);
        let miss_capacity = within("miss_capacity", self.miss_capacity, MAX_CAPACITY);
        // On a machine with fewer addresses than that, fewer are cached.
        let count = |count: u64| count.try_into().unwrap_or(usize::MAX);
        let limits = CacheLimits::new()
            .with_time_to_live(Duration::from_secs(time_to_live))
            .with_miss_time_to_live(Duration::from_secs(miss_time_to_live))
            .with_capacity(count(capacity))
            .with_miss_capacity(count(miss_capacity));
        self.enabled.then_some(limits)
    }
}

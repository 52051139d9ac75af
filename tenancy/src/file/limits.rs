//! The table `[limits]`.

use std::time::Duration;

use tenancy_limits::{Limits, Rate};

use super::check::Check;

tenancy_core::config::settings! {
    /// The table `[limits]`: what each tenant may use of one process. Requests beyond it are refused with 429.
    pub struct LimitsConfig {
        /// How many requests of its members may begin per second, 1 to 1000000. Default: as many as come.
        pub requests_per_second: Option<u32> = None,
        /// How many of them may begin at once, 1 to 1000000. Default: as many as in a second.
        pub burst: Option<u32> = None,
        /// How many may be under way at a time, 1 to 1000000. Default: as many as come.
        pub requests_under_way: Option<u32> = None,
    }
}

const MOST: u32 = 1_000_000;

impl LimitsConfig {
    /// The limits; `None` if there are none.
    pub(crate) fn limits(&self, check: &mut Check) -> Option<Limits> {
        let mut within = |name: &str, given: Option<u32>| {
            let given = given?;
            if !(1..=MOST).contains(&given) {
                let instead = if given == 0 {
                    "; for no limit, remove the key"
                } else {
                    ""
                };
                check.problem(
                    format!("limits.{name}"),
                    format!("expected a number from 1 to {MOST}{instead}"),
                );
            }
            Some(given.clamp(1, MOST))
        };
        let rate = within("requests_per_second", self.requests_per_second);
        let burst = within("burst", self.burst);
        let under_way = within("requests_under_way", self.requests_under_way);
        if burst.is_some() && rate.is_none() {
            check.problem(
                "limits.burst",
                "there is no rate that it is a burst of: add `requests_per_second`",
            );
        }
        let mut limits = Limits::none();
        if let Some(rate) = rate.and_then(|rate| Rate::new(rate, Duration::from_secs(1))) {
            limits = limits.with_rate(burst.map_or(rate, |burst| rate.with_burst(burst)));
        }
        if let Some(under_way) = under_way {
            limits = limits.with_under_way(under_way);
        }
        (limits != Limits::none()).then_some(limits)
    }
}

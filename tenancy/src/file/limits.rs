//! The table `[limits]`.

use std::time::Duration;

use tenancy_limits::{LimitSettings, Limits, Rate};

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
        /// The key of tenants' settings under which a tenant has limits of its own, an object with the keys above: see
        /// [`LimitSettings`](tenancy_limits::LimitSettings). Default: absent, and every tenant has those of this table.
        pub settings_key: Option<String> = None,
    }
}

/// What the table comes to.
#[derive(Clone, Debug)]
pub(crate) struct LimitsPlan {
    #[cfg_attr(
        not(feature = "http"),
        expect(dead_code, reason = "it is checked, and no requests come")
    )]
    pub(crate) every_tenant: Limits,
    /// The key of tenants' settings that has their own.
    pub(crate) settings_key: Option<String>,
}

const MOST: u32 = LimitSettings::MAX;

impl LimitsConfig {
    /// The limits; `None` if there are none.
    pub(crate) fn plan(&self, check: &mut Check) -> Option<LimitsPlan> {
        let every_tenant = self.every_tenant(check);
        let settings_key = self.settings_key.clone();
        match settings_key.as_deref() {
            Some("") => check.problem(
                "limits.settings_key",
                "expected a key of tenants' settings, such as `limits`",
            ),
            // What is stored of a tenant may be wrong, or not be read yet, and is never a reason for no limit.
            Some(_) if every_tenant == Limits::none() => check.problem(
                "limits.settings_key",
                "a tenant whose settings have no limits needs those of every tenant: add `requests_per_second` or \
                `requests_under_way`",
            ),
            _ => {}
        }
        (every_tenant != Limits::none()).then_some(LimitsPlan {
            every_tenant,
            settings_key,
        })
    }

    fn every_tenant(&self, check: &mut Check) -> Limits {
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
        limits
    }
}

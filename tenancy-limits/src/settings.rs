//! The limits that a tenant has set of its own.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use crate::{Limits, Rate};

/// What a tenant's settings say of its limits: an object such as `{"requests_per_second": 50, "requests_under_way": 10}`.
/// What is not set is as for every tenant.
///
/// | key | |
/// |---|---|
/// | `requests_per_second` | how many of its requests may begin per second, 1 to 1000000 |
/// | `burst` | how many of them at once, 1 to 1000000; without it as many as in a second |
/// | `requests_under_way` | how many may be under way at a time, 1 to 1000000 |
///
/// Settings raise limits or lower them; no settings take a limit away that every tenant has.
///
/// ```
/// use tenancy_limits::{LimitSettings, Limits};
///
/// let every_tenant = Limits::none().with_under_way(10);
/// let own: LimitSettings = serde_json::from_str(r#"{"requests_under_way": 50}"#)?;
/// assert_eq!(own.over(every_tenant), Limits::none().with_under_way(50));
/// assert_eq!(LimitSettings::default().over(every_tenant), every_tenant);
/// assert!(serde_json::from_str::<LimitSettings>(r#"{"requests_under_way": 0}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitSettings {
    requests_per_second: Option<NonZeroU32>,
    burst: Option<NonZeroU32>,
    requests_under_way: Option<NonZeroU32>,
}

impl LimitSettings {
    /// The greatest number of each key.
    pub const MAX: u32 = 1_000_000;

    /// The tenant's limits: what it has set of its own, and those of every tenant else.
    #[must_use]
    pub fn over(&self, every_tenant: Limits) -> Limits {
        let mut limits = every_tenant;
        let rate = self.requests_per_second;
        if let Some(rate) = rate.and_then(|requests| Rate::new(requests.get(), Duration::from_secs(1))) {
            limits = limits.with_rate(self.burst.map_or(rate, |burst| rate.with_burst(burst.get())));
        }
        if let Some(requests) = self.requests_under_way {
            limits = limits.with_under_way(requests.get());
        }
        limits
    }
}

/// As it is written, before one key is compared with another.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object of limits")]
struct Written {
    requests_per_second: Option<Count>,
    burst: Option<Count>,
    requests_under_way: Option<Count>,
}

impl<'de> Deserialize<'de> for LimitSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written {
            requests_per_second,
            burst,
            requests_under_way,
        } = Written::deserialize(deserializer)?;
        // It would bound nothing.
        if burst.is_some() && requests_per_second.is_none() {
            return Err(D::Error::invalid_value(
                Unexpected::Map,
                &"`requests_per_second` beside `burst`",
            ));
        }
        Ok(Self {
            requests_per_second: requests_per_second.map(|Count(count)| count),
            burst: burst.map(|Count(count)| count),
            requests_under_way: requests_under_way.map(|Count(count)| count),
        })
    }
}

struct Count(NonZeroU32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 1 to {}", LimitSettings::MAX)
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<Count, E> {
        let within = u32::try_from(count).ok().filter(|count| *count <= LimitSettings::MAX);
        match within.and_then(NonZeroU32::new) {
            Some(count) => Ok(Count(count)),
            None => Err(E::invalid_value(Unexpected::Unsigned(count), &self)),
        }
    }

    fn visit_i64<E: Error>(self, count: i64) -> Result<Count, E> {
        match u64::try_from(count) {
            Ok(count) => self.visit_u64(count),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(count), &self)),
        }
    }
}

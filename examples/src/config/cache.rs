//! The table `[cache]`.

use std::time::Duration;

use tenancy_http::CacheLimits;

use super::error::ConfigError;

tenancy_core::config::settings! {
    /// How long the directory's answers about tenants and members are kept, and how many.
    pub struct CacheConfig {
        /// Whether any are. Default: `true`.
        pub enabled: bool = true,
        /// For how long who was found is not asked for again. A change that another process makes may go
        /// unnoticed so long. Default: 60.
        pub time_to_live_seconds: u64 = 60,
        /// For how long who was not found is not asked for again. Default: 5.
        pub miss_time_to_live_seconds: u64 = 5,
        /// How many tenants are kept, and how many members. Default: 10000.
        pub capacity: u64 = 10_000,
        /// How many of those that were not found, likewise. Default: 1000.
        pub miss_capacity: u64 = 1_000,
    }
}

const DAY: u64 = 24 * 60 * 60;

/// About a gigabyte.
const MAX_CAPACITY: u64 = 1_000_000;

impl CacheConfig {
    /// The limits; `None` where nothing is kept.
    pub(super) fn limits(&self) -> Result<Option<CacheLimits>, ConfigError> {
        let seconds = |name, given| within(name, given, DAY).map(Duration::from_secs);
        // On a machine with fewer addresses than that, fewer are kept.
        let count = |name, given| within(name, given, MAX_CAPACITY).map(|count| count.try_into().unwrap_or(usize::MAX));
        let limits = CacheLimits::new()
            .with_time_to_live(seconds("time_to_live_seconds", self.time_to_live_seconds)?)
            .with_miss_time_to_live(seconds("miss_time_to_live_seconds", self.miss_time_to_live_seconds)?)
            .with_capacity(count("capacity", self.capacity)?)
            .with_miss_capacity(count("miss_capacity", self.miss_capacity)?);
        Ok(self.enabled.then_some(limits))
    }
}

fn within(name: &str, given: u64, most: u64) -> Result<u64, ConfigError> {
    if (1..=most).contains(&given) {
        return Ok(given);
    }
    let problem = format!("expected 1 to {most}; to keep nothing, set `enabled = false`");
    Err(ConfigError::setting(format!("cache.{name}"), problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each setting reaches its limit, and the defaults are those of the library.
    #[test]
    fn limits() {
        let limits = |text: &str| {
            let config: CacheConfig = toml::from_str(text).unwrap();
            format!("{:?}", config.limits().unwrap().unwrap())
        };
        let all = "time_to_live_seconds = 1\nmiss_time_to_live_seconds = 2\ncapacity = 3\nmiss_capacity = 4";
        let expected = CacheLimits::new()
            .with_time_to_live(Duration::from_secs(1))
            .with_miss_time_to_live(Duration::from_secs(2))
            .with_capacity(3)
            .with_miss_capacity(4);
        assert_eq!(limits(all), format!("{expected:?}"));
        assert_eq!(limits(""), format!("{:?}", CacheLimits::new()));
    }
}

use std::time::Duration;

use crate::cache::token_cache_limits::{DEFAULT_CAPACITY, DEFAULT_TIME_TO_LIVE};
use crate::{BuildVerifierError, JwtConfigError, TokenCacheLimits, TokenVerifierBuilder};

tenancy_core::config::settings! {
    /// The table `[jwt.token_cache]`: how long a verified token is not verified again.
    pub struct JwtTokenCacheConfig {
        /// Whether verified tokens are cached. Default: `true`.
        pub enabled: bool = true,
        /// How many are cached, each of about 1 KiB. Default: 10,000. At least 1, at most 1,000,000.
        pub capacity: usize = DEFAULT_CAPACITY,
        /// How long each is cached, in seconds, and never beyond its `exp`. Default: 60. At least 1, at most
        /// 3600.
        pub time_to_live_seconds: u64 = DEFAULT_TIME_TO_LIVE.as_secs(),
    }
}

impl JwtTokenCacheConfig {
    pub(crate) fn apply(&self, builder: TokenVerifierBuilder) -> Result<TokenVerifierBuilder, JwtConfigError> {
        let limits = TokenCacheLimits::new()
            .with_capacity(self.capacity)
            .with_time_to_live(Duration::from_secs(self.time_to_live_seconds))
            .check()
            .map_err(refuse)?;
        Ok(if self.enabled {
            builder.with_token_cache(limits)
        } else {
            builder.without_token_cache()
        })
    }
}

fn refuse(error: BuildVerifierError) -> JwtConfigError {
    let (setting, expected) = match error {
        BuildVerifierError::TokenCacheCapacity => ("capacity", "1 to 1000000"),
        _ => ("time_to_live_seconds", "1 to 3600"),
    };
    JwtConfigError::Required {
        setting: format!("jwt.token_cache.{setting}"),
        expected,
    }
}

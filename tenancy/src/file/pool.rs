//! The tables `pool`.

use std::time::Duration;

use tenancy_sqlx::PoolSettings;

use super::check::Check;

tenancy_core::config::settings! {
    /// A table `pool`: how many connections there are, and how long they and their callers wait. What is absent is the
    /// default of the strategy.
    pub struct PoolConfig {
        /// The greatest number of the application's connections, at least 1.
        pub max_connections: Option<u32> = None,
        /// How many transactions of one tenant may be under way in one process while the pool is nearly used up, at least 1 and fewer than
        /// there are connections. Default: as many as there are connections.
        pub max_transactions_per_tenant: Option<u32> = None,
        /// How long a transaction may take to begin, in seconds, at least 1. Default: 5.
        pub acquire_timeout_seconds: Option<u32> = None,
        /// How long an unused connection stays open, in seconds, at least 1.
        pub idle_timeout_seconds: Option<u32> = None,
        /// How old a connection may become, in seconds, at least 1. Default: 1800.
        pub max_lifetime_seconds: Option<u32> = None,
    }
}

impl PoolConfig {
    /// `key` is the name of this table.
    pub(super) fn settings(&self, key: &str, check: &mut Check) -> PoolSettings {
        let mut settings = PoolSettings::new();
        let mut positive = |name: &str, given: Option<u32>| {
            if given == Some(0) {
                check.problem(format!("{key}.{name}"), "expected a number of at least 1");
            }
            given.filter(|given| *given > 0)
        };
        if let Some(max) = positive("max_connections", self.max_connections) {
            settings = settings.with_max_connections(usize::try_from(max).unwrap_or(usize::MAX));
        }
        if let Some(max) = positive("max_transactions_per_tenant", self.max_transactions_per_tenant) {
            settings = settings.with_max_transactions_per_tenant(usize::try_from(max).unwrap_or(usize::MAX));
        }
        let mut seconds = |name, given| positive(name, given).map(|given| Duration::from_secs(given.into()));
        if let Some(timeout) = seconds("acquire_timeout_seconds", self.acquire_timeout_seconds) {
            settings = settings.with_acquire_timeout(timeout);
        }
        if let Some(timeout) = seconds("idle_timeout_seconds", self.idle_timeout_seconds) {
            settings = settings.with_idle_timeout(timeout);
        }
        if let Some(lifetime) = seconds("max_lifetime_seconds", self.max_lifetime_seconds) {
            settings = settings.with_max_lifetime(lifetime);
        }
        if let (Some(connections), Some(transactions)) = (self.max_connections, self.max_transactions_per_tenant)
            && transactions >= connections
            && connections > 0
        {
            let problem = format!("expected fewer than the {connections} connections: as many bound nothing");
            check.problem(format!("{key}.max_transactions_per_tenant"), problem);
        }
        settings
    }

    /// As [`settings`](Self::settings), of a strategy that has a pool for each tenant.
    pub(super) fn settings_of_each_tenant(&self, key: &str, instead: &str, check: &mut Check) -> PoolSettings {
        if self.max_transactions_per_tenant.is_some() {
            let problem = format!("tenants of this strategy share no pool: {instead}");
            check.problem(format!("{key}.max_transactions_per_tenant"), problem);
        }
        let own = Self {
            max_transactions_per_tenant: None,
            ..self.clone()
        };
        own.settings(key, check)
    }
}

/// A number of seconds, at least 1.
pub(super) fn seconds(key: String, given: Option<u32>, check: &mut Check) -> Option<Duration> {
    if given == Some(0) {
        check.problem(key, "expected a number of at least 1");
    }
    given
        .filter(|given| *given > 0)
        .map(|given| Duration::from_secs(given.into()))
}

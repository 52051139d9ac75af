//! How many connections a strategy has, and how long they and their callers wait.

use std::time::Duration;

use sqlx::Database;
use sqlx::pool::PoolOptions;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::transaction::connections::tenant_shares::{ShareLimits, TenantShares};

/// The longest duration, a year: sqlx adds each to a moment, and panics where there is none so late.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The connection limit and the timeouts of a strategy's connection pools.
///
/// All strategies on both databases take it by their builder's `with_pool`. What is not set stays as it was: at the
/// strategy's default, which `with_pool` documents. A duration of more than a year counts as a year.
///
/// ```
/// use std::time::Duration;
///
/// use tenancy_sqlx::PoolSettings;
///
/// let pool = PoolSettings::new()
///     .with_max_connections(20)
///     .with_acquire_timeout(Duration::from_secs(2));
/// assert_eq!(pool, PoolSettings::new().with_acquire_timeout(Duration::from_secs(2)).with_max_connections(20));
/// ```
#[doc(alias = "connection limit")]
#[doc(alias = "pool exhausted")]
#[doc(alias = "pool size")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct PoolSettings {
    max_connections: Option<usize>,
    acquire_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    max_lifetime: Option<Duration>,
    max_transactions_per_tenant: Option<usize>,
}

impl PoolSettings {
    /// Settings that leave everything at the strategy's defaults.
    pub const fn new() -> Self {
        Self {
            max_connections: None,
            acquire_timeout: None,
            idle_timeout: None,
            max_lifetime: None,
            max_transactions_per_tenant: None,
        }
    }

    /// Sets the greatest number of the application's connections. Zero counts as one.
    ///
    /// On SQLite each file has this many connections that write and as many that only read. If all are in use, `begin`
    /// waits for the acquire timeout and then fails with [`TooManyInUse`](crate::StrategyError::TooManyInUse).
    pub const fn with_max_connections(mut self, max: usize) -> Self {
        self.max_connections = Some(max);
        self
    }

    /// Sets how long a transaction may take to begin, including the wait for a free connection. The default is 5
    /// seconds.
    pub const fn with_acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = Some(timeout);
        self
    }

    /// Sets how long an unused connection stays open. The default is 10 minutes.
    ///
    /// The strategies `database` count it for the whole database of a tenant, and their default is 5 minutes.
    #[doc(alias = "idle")]
    pub const fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Sets how old a connection may become before it is replaced. The default is 30 minutes.
    pub const fn with_max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = Some(lifetime);
        self
    }

    /// Sets how many transactions of one tenant may be under way in this process while the pool is nearly used up, which is
    /// when no more than a fifth of its connections are free. The default is as many as there are connections.
    ///
    /// A tenant that has as many then waits, up to the acquire timeout, while others begin. The tenant that has the fewest under way is
    /// served first, so that a flood of one tenant, or of several, delays another's transaction by no more than one that ends. While
    /// more connections are free, a tenant may have any number.
    ///
    /// It counts for the strategies `row` and `schema`, whose tenants share a pool. One less than the connections is the most that it
    /// can be. On SQLite it counts for the connections that write, and for those that read; transactions that write wait for
    /// each other even so, since a file has one writer at a time. The strategies `database` have a pool for each tenant:
    /// [`with_max_connections_per_tenant`](crate::PgDatabaseBuilder::with_max_connections_per_tenant) bounds it on PostgreSQL, and
    /// this setting does nothing.
    #[doc(alias = "fairness")]
    #[doc(alias = "noisy neighbour")]
    pub const fn with_max_transactions_per_tenant(mut self, max: usize) -> Self {
        self.max_transactions_per_tenant = Some(max);
        self
    }

    /// These settings, and those of `defaults` where nothing is set.
    pub(crate) fn or(self, defaults: Self) -> Self {
        Self {
            max_connections: self.max_connections.or(defaults.max_connections),
            acquire_timeout: self.acquire_timeout.or(defaults.acquire_timeout),
            idle_timeout: self.idle_timeout.or(defaults.idle_timeout),
            max_lifetime: self.max_lifetime.or(defaults.max_lifetime),
            max_transactions_per_tenant: self
                .max_transactions_per_tenant
                .or(defaults.max_transactions_per_tenant),
        }
    }

    pub(crate) fn max_connections(self) -> usize {
        self.max_connections.unwrap_or(10).max(1)
    }

    pub(crate) fn acquire_timeout(self) -> Duration {
        self.acquire_timeout.unwrap_or(Duration::from_secs(5)).min(LONGEST)
    }

    /// What shares one pool among its tenants, if anything does.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn tenant_shares(self) -> Option<TenantShares> {
        let per_tenant = self.max_transactions_per_tenant?;
        Some(TenantShares::new(ShareLimits::new(self.max_connections(), per_tenant)))
    }

    pub(crate) fn idle_timeout(self) -> Duration {
        self.idle_timeout.unwrap_or(Duration::from_secs(10 * 60)).min(LONGEST)
    }

    /// A pool of sqlx with these settings.
    pub(crate) fn pool_options<DB: Database>(self) -> PoolOptions<DB> {
        let max = u32::try_from(self.max_connections()).unwrap_or(u32::MAX);
        let lifetime = self.max_lifetime.unwrap_or(Duration::from_secs(30 * 60));
        PoolOptions::new()
            .max_connections(max)
            .acquire_timeout(self.acquire_timeout())
            .idle_timeout(self.idle_timeout())
            .max_lifetime(lifetime.min(LONGEST))
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    fn pool(settings: PoolSettings) -> PoolOptions<sqlx::Sqlite> {
        settings.pool_options()
    }

    #[test]
    fn what_is_not_set_is_the_default() {
        let defaults = PoolSettings::new()
            .with_max_connections(50)
            .with_idle_timeout(Duration::from_secs(7));
        let settings = PoolSettings::new().with_max_connections(3).or(defaults);
        let pool = pool(settings);
        assert_eq!(pool.get_max_connections(), 3);
        assert_eq!(pool.get_idle_timeout(), Some(Duration::from_secs(7)));
        assert_eq!(pool.get_acquire_timeout(), Duration::from_secs(5));
    }

    #[test]
    fn unset_settings_are_those_of_sqlx() {
        let (ours, theirs) = (pool(PoolSettings::new()), PoolOptions::<sqlx::Sqlite>::new());
        assert_eq!(ours.get_max_connections(), theirs.get_max_connections());
        assert_eq!(ours.get_idle_timeout(), theirs.get_idle_timeout());
        assert_eq!(ours.get_max_lifetime(), theirs.get_max_lifetime());
    }

    /// A pool of no connections would let everyone wait in vain.
    #[test]
    fn a_pool_has_a_connection() {
        assert_eq!(
            pool(PoolSettings::new().with_max_connections(0)).get_max_connections(),
            1
        );
        let most = pool(PoolSettings::new().with_max_connections(usize::MAX));
        assert_eq!(most.get_max_connections(), u32::MAX);
    }

    #[test]
    fn the_lifetime_is_bounded_as_it_is_set() {
        let settings = PoolSettings::new().with_max_lifetime(Duration::from_secs(60));
        assert_eq!(pool(settings).get_max_lifetime(), Some(Duration::from_secs(60)));
    }
}

//! What a run is asked to do.

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use tenancy_core::names::{StrategyName, TenantId};

use crate::MigrateOptions;

/// Which tenants a run migrates, in which order, and when it gives up. Each default is written at its method.
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::time::Duration;
///
/// use tenancy_sqlx::fleet::{Canaries, FleetOptions};
///
/// let options = FleetOptions::new()
///     .with_canaries(Canaries::Percent(2))
///     .with_soak(Duration::from_secs(600))
///     .with_jobs(NonZeroUsize::new(8).ok_or("not zero")?);
/// # let _ = options;
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct FleetOptions {
    pub(super) tenants: Option<BTreeSet<TenantId>>,
    pub(super) strategies: Option<BTreeSet<StrategyName>>,
    pub(super) includes_archived: bool,
    pub(super) verifies_ledgers: bool,
    pub(super) canaries: Canaries,
    pub(super) soak: Duration,
    pub(super) jobs: NonZeroUsize,
    pub(super) max_failures: NonZeroU64,
    pub(super) lease: Duration,
    pub(super) migrate: MigrateOptions,
}

const JOBS: NonZeroUsize = NonZeroUsize::new(4).unwrap();
const MAX_FAILURES: NonZeroU64 = NonZeroU64::new(10).unwrap();

/// The tenants that are migrated before the others.
///
/// One failure among them stops the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Canaries {
    /// All tenants are alike.
    #[default]
    None,
    /// These, as far as they are behind.
    Tenants(BTreeSet<TenantId>),
    /// So many of a hundred of those that are behind, spread over all of them, and at least one. 100 and more is all.
    Percent(u8),
}

impl FleetOptions {
    /// All tenants that are not archived, and the shared tables, 4 at once on each server.
    pub const fn new() -> Self {
        Self {
            tenants: None,
            strategies: None,
            includes_archived: false,
            verifies_ledgers: false,
            canaries: Canaries::None,
            soak: Duration::ZERO,
            jobs: JOBS,
            max_failures: MAX_FAILURES,
            lease: Duration::from_secs(60),
            migrate: MigrateOptions::DEFAULT,
        }
    }

    /// Migrates these tenants only, and the shared tables of their strategies. The default is all.
    pub fn with_tenants(mut self, tenants: impl IntoIterator<Item = TenantId>) -> Self {
        self.tenants = Some(tenants.into_iter().collect());
        self
    }

    /// Migrates tenants of these strategies only. The default is all strategies that have migrations.
    pub fn with_strategies(mut self, strategies: impl IntoIterator<Item = StrategyName>) -> Self {
        self.strategies = Some(strategies.into_iter().collect());
        self
    }

    /// Migrates archived tenants too. Without it they are skipped: what a tenant needs is run when it is restored. Suspended
    /// tenants are always migrated.
    pub const fn with_archived(mut self) -> Self {
        self.includes_archived = true;
        self
    }

    /// Reads each tenant's own ledger of migrations when the run is planned, and does not believe the recorded versions. It finds
    /// migrations that were changed, and those that were left out, such as one of a branch that was merged late.
    pub const fn with_verified_ledgers(mut self) -> Self {
        self.verifies_ledgers = true;
        self
    }

    /// The tenants that are migrated first. The default is none.
    pub fn with_canaries(mut self, canaries: Canaries) -> Self {
        self.canaries = canaries;
        self
    }

    /// How long to wait behind the canaries before the others are migrated. The default is not at all.
    pub const fn with_soak(mut self, soak: Duration) -> Self {
        self.soak = soak;
        self
    }

    /// How many tenants are migrated at once on each server, each on a connection of its own. The default is 4.
    #[doc(alias = "concurrency")]
    pub const fn with_jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = jobs;
        self
    }

    /// After how many failures no other tenant is begun. The default is 10; among canaries and shared tables it is 1.
    pub const fn with_max_failures(mut self, max_failures: NonZeroU64) -> Self {
        self.max_failures = max_failures;
        self
    }

    /// How long one attempt of a migration waits for a lock, and how many attempts are made. The defaults are 2 seconds and 10.
    pub const fn with_lock_timeout(mut self, lock_timeout: Duration, attempts: NonZeroU32) -> Self {
        self.migrate.lock_timeout = lock_timeout;
        self.migrate.attempts = attempts;
        self
    }

    /// How long after a runner last renewed its leases its tenants are given to another one. The default is a minute, and the
    /// least a second. Nothing is migrated twice if it is too short: the lock in each tenant's database prevents that.
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// Writes the migrations up to this version into the ledgers, as if they had run: for tenants whose tables were made by other
    /// means. Nothing else is run.
    ///
    /// # Security
    ///
    /// Nothing compares the tables with the migrations.
    #[doc(alias = "fake")]
    pub const fn with_baseline(mut self, version: i64) -> Self {
        self.migrate.baseline = Some(version);
        self
    }
}

impl Default for FleetOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// What is different when a run is resumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ResumeOptions {
    pub(super) retries_failed: bool,
    pub(super) jobs: Option<NonZeroUsize>,
    pub(super) max_failures: Option<NonZeroU64>,
}

impl ResumeOptions {
    /// As the run was begun.
    pub const fn new() -> Self {
        Self {
            retries_failed: false,
            jobs: None,
            max_failures: None,
        }
    }

    /// Tries those again that have failed, beside those that were not begun.
    pub const fn with_failed(mut self) -> Self {
        self.retries_failed = true;
        self
    }

    /// Another number of tenants at once on each server.
    pub const fn with_jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = Some(jobs);
        self
    }

    /// Another number of failures after which no other tenant is begun. Those of before do not count.
    pub const fn with_max_failures(mut self, max_failures: NonZeroU64) -> Self {
        self.max_failures = Some(max_failures);
        self
    }
}

//! What a run would do.

use std::collections::BTreeMap;

use tenancy_core::names::{StrategyName, TenantId};

use crate::{DataVersion, Standing};

/// How many names a listing holds. The count goes on.
const LISTED: usize = 100;

/// How the fleet stands: numbers, and the first names of what needs a person. Each tenant is
/// [observed](crate::fleet::Fleet::plan) when it is known, so that memory does not grow with the number of tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetPlan {
    /// Each strategy that has migrations.
    pub strategies: BTreeMap<StrategyName, StrategyPlan>,
    /// Tenants whose strategy is not registered in this process, by the strategy's name. Nobody knows whether they are behind.
    pub unknown_strategies: BTreeMap<String, u64>,
    /// What was read to know it.
    pub cost: PlanCost,
}

/// How the tenants of one strategy stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StrategyPlan {
    /// The version of the newest migration that this process has.
    pub target: Option<i64>,
    /// How the tables stand that all of its tenants share; `None` if each has tables of its own.
    pub shared_tables: Option<DataVersion>,
    /// Tenants that have all migrations.
    pub up_to_date: u64,
    /// Of those that are up to date, how many are so by their ledger alone: a run records their versions.
    pub unrecorded: u64,
    /// Tenants that lack a migration.
    pub behind: u64,
    /// Archived tenants, of which nothing was looked at.
    pub archived: u64,
    /// Tenants that a newer release has migrated.
    pub ahead: Listing,
    /// Tenants of which a migration has run with another text.
    pub changed: Listing,
    /// Tenants without a place for their data.
    pub not_provisioned: Listing,
    /// Of those without a place, how many are not in the course of their creation, and should have one.
    pub lost: u64,
    /// Tenants whose version could not be read.
    pub unreadable: Listing,
}

/// How many tenants there are of a kind, and the ids of the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// How many.
    pub count: u64,
    /// The first 100 of them.
    pub first: Vec<TenantId>,
}

impl Listing {
    pub(in crate::fleet) fn add(&mut self, tenant: &TenantId) {
        self.count += 1;
        if self.first.len() < LISTED {
            self.first.push(tenant.clone());
        }
    }
}

/// What planning has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanCost {
    /// Questions to databases of which each was about all tenants in it.
    pub surveys: u64,
    /// Batches of ledgers, and ledgers that stand alone in a database.
    pub ledgers: u64,
    /// Pages of the directory.
    pub pages: u64,
    /// The most tenants that were in memory at once.
    pub largest_batch: usize,
}

/// A tenant that was looked at, or the shared tables of a strategy.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Planned<'p> {
    /// The tenant; `None` for shared tables.
    pub tenant: Option<&'p TenantId>,
    /// The strategy.
    pub strategy: &'p StrategyName,
    /// How it stands; `None` if that could not be read.
    pub version: Option<DataVersion>,
    /// The version that this process would lead it to.
    pub target: Option<i64>,
}

impl FleetPlan {
    /// How many tenants and shared tables are behind.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.strategies.values().map(StrategyPlan::all_behind).sum()
    }

    /// Whether a person has to look: something was changed, lost or could not be read.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        !self.unknown_strategies.is_empty() || self.strategies.values().any(StrategyPlan::has_findings)
    }

    /// Whether every tenant is known to have all migrations of this process. Tenants that are ahead have them, and so is one whose
    /// creation is not finished, which gets them then.
    #[must_use]
    pub fn is_up_to_date(&self) -> bool {
        self.behind() == 0 && !self.has_findings()
    }
}

impl StrategyPlan {
    fn all_behind(&self) -> u64 {
        let shared = self
            .shared_tables
            .is_some_and(|version| version.standing == Standing::Behind);
        self.behind + u64::from(shared)
    }

    fn has_findings(&self) -> bool {
        let shared = self
            .shared_tables
            .is_some_and(|version| matches!(version.standing, Standing::Changed { .. } | Standing::NotProvisioned));
        shared || self.changed.count + self.lost + self.unreadable.count > 0
    }

    pub(in crate::fleet) fn count(&mut self, tenant: &TenantId, version: DataVersion, is_in_creation: bool) {
        match version.standing {
            Standing::UpToDate => {
                self.up_to_date += 1;
                self.unrecorded += u64::from(!version.is_recorded);
            }
            Standing::Behind => self.behind += 1,
            Standing::Ahead => self.ahead.add(tenant),
            Standing::Changed { .. } => self.changed.add(tenant),
            Standing::NotProvisioned => {
                self.not_provisioned.add(tenant);
                self.lost += u64::from(!is_in_creation);
            }
        }
    }
}

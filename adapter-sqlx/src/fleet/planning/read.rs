//! A plan is read, and becomes the items of a run.

use tenancy_core::directory::TenantStatus;
use tenancy_core::names::TenantId;

use super::look::{Found, Look, Looked};
use super::plan::{FleetPlan, Planned};
use crate::directory::runs::NewItem;
use crate::fleet::error::FleetError;
use crate::fleet::fleet::Fleet;
use crate::fleet::options::{Canaries, FleetOptions};
use crate::fleet::progress::Wave;
use crate::{DataVersion, DirectoryDatabase, Standing};

/// A plan that is being read.
pub(in crate::fleet) struct Planning<'p, DB: DirectoryDatabase> {
    fleet: &'p Fleet<DB>,
    options: &'p FleetOptions,
    look: Look<'p, DB>,
    plan: FleetPlan,
}

impl<'p, DB: DirectoryDatabase> Planning<'p, DB> {
    /// The next tenants that are meant; `None` behind the last ones.
    pub(in crate::fleet) async fn next(&mut self) -> Result<Option<Vec<Looked>>, FleetError> {
        let page = self.look.next().await?;
        for looked in page.iter().flatten() {
            count(&mut self.plan, looked);
        }
        Ok(page)
    }

    /// What all of them come to.
    pub(in crate::fleet) async fn end(self) -> Result<FleetPlan, FleetError> {
        let mut plan = self.plan;
        plan.cost = self.look.cost;
        if self.options.tenants.is_none() && self.options.strategies.is_none() {
            for (strategy, tenants) in self.fleet.directory.count_by_strategy().await? {
                if !self.fleet.strategies.is_registered(&strategy) {
                    plan.unknown_strategies.insert(strategy, tenants);
                }
            }
        }
        Ok(plan)
    }
}

impl<DB: DirectoryDatabase> Fleet<DB> {
    /// Begins to look at all tenants that are meant.
    pub(in crate::fleet) async fn look<'p>(
        &'p self,
        options: &'p FleetOptions,
    ) -> Result<Planning<'p, DB>, FleetError> {
        self.refuse_unknown_tenants(options).await?;
        let mut plan = FleetPlan::default();
        for strategy in self.strategies.selected(options)? {
            let of_strategy = plan.strategies.entry(strategy.name()).or_default();
            of_strategy.target = target(strategy.latest(), options);
        }
        Ok(Planning {
            fleet: self,
            options,
            look: Look::new(&self.directory, &self.strategies, options)?,
            plan,
        })
    }

    /// Looks at all of them, and each is observed.
    pub(in crate::fleet) async fn look_and_observe(
        &self,
        options: &FleetOptions,
        observe: &mut (dyn FnMut(Planned<'_>) + Send),
    ) -> Result<FleetPlan, FleetError> {
        let mut planning = self.look(options).await?;
        while let Some(page) = planning.next().await? {
            for looked in &page {
                observe_one(looked, options, observe);
            }
        }
        planning.end().await
    }

    /// A name that is mistyped would be a run that does nothing, and says that all is well.
    async fn refuse_unknown_tenants(&self, options: &FleetOptions) -> Result<(), FleetError> {
        let named: Vec<&TenantId> = options.tenants.iter().flatten().collect();
        if let Some(tenant) = self.first_unknown(&named).await? {
            return Err(FleetError::UnknownTenant { tenant });
        }
        let Canaries::Tenants(canaries) = &options.canaries else {
            return Ok(());
        };
        let canaries: Vec<&TenantId> = canaries.iter().collect();
        match self.first_unknown(&canaries).await? {
            Some(tenant) => Err(FleetError::UnknownCanary { tenant }),
            None => Ok(()),
        }
    }

    async fn first_unknown(&self, tenants: &[&TenantId]) -> Result<Option<TenantId>, FleetError> {
        let known = self.directory.records_of(tenants).await?;
        let is_unknown = |tenant: &&&TenantId| known.iter().all(|record| record.id != ***tenant);
        Ok(tenants.iter().find(is_unknown).map(|tenant| TenantId::clone(tenant)))
    }
}

/// Chooses what of a plan is migrated, and in which wave.
pub(in crate::fleet) struct Choice<'c> {
    options: &'c FleetOptions,
    /// How many tenants are behind so far.
    behind: u64,
}

impl<'c> Choice<'c> {
    pub(in crate::fleet) const fn new(options: &'c FleetOptions) -> Self {
        Self { options, behind: 0 }
    }

    /// The items of a page.
    pub(in crate::fleet) fn items(&mut self, page: &[Looked]) -> Vec<NewItem> {
        page.iter().filter_map(|looked| self.item(looked)).collect()
    }

    fn item(&mut self, looked: &Looked) -> Option<NewItem> {
        let Found::Version(version) = looked.found else {
            return None;
        };
        let target = target(looked.strategy.latest(), self.options);
        if !is_to_run(version, target, self.options) {
            return None;
        }
        let strategy = looked.strategy.name();
        Some(NewItem {
            tenant: looked.record.as_ref().map(|record| record.id.clone()),
            server: match &looked.record {
                Some(record) => looked.strategy.server(record),
                None => strategy.to_string(),
            },
            wave: match &looked.record {
                Some(record) => self.wave(&record.id),
                None => Wave::SharedTables,
            },
            strategy,
            from_version: version.version,
            to_version: target,
        })
    }

    fn wave(&mut self, tenant: &TenantId) -> Wave {
        let number = self.behind;
        self.behind += 1;
        let is_canary = match &self.options.canaries {
            Canaries::None => false,
            Canaries::Tenants(canaries) => canaries.contains(tenant),
            // The first one always is: 0 is less than any percentage but none.
            Canaries::Percent(percent) => {
                number.wrapping_mul(u64::from(*percent)) % 100 < u64::from(*percent).max(u64::from(number == 0))
            }
        };
        if is_canary { Wave::Canaries } else { Wave::Rest }
    }
}

/// Whether a migration has to run, or a version be recorded.
fn is_to_run(version: DataVersion, target: Option<i64>, options: &FleetOptions) -> bool {
    match version.standing {
        Standing::Behind => options.migrate.baseline.is_none() || version.version < target,
        Standing::UpToDate => !version.is_recorded,
        Standing::Ahead | Standing::Changed { .. } | Standing::NotProvisioned => false,
    }
}

fn target(latest: Option<i64>, options: &FleetOptions) -> Option<i64> {
    options.migrate.baseline.or(latest)
}

fn count(plan: &mut FleetPlan, looked: &Looked) {
    let of_strategy = plan.strategies.entry(looked.strategy.name()).or_default();
    let Some(record) = &looked.record else {
        if let Found::Version(version) = looked.found {
            of_strategy.shared_tables = Some(version);
        }
        return;
    };
    match looked.found {
        Found::Version(version) => {
            let is_in_creation = record.status == TenantStatus::Provisioning;
            of_strategy.count(&record.id, version, is_in_creation);
        }
        Found::Archived => of_strategy.archived += 1,
        Found::Unreadable(ref error) => {
            tracing::warn!(tenant = %record.id, %error, "failed to read the version of a tenant");
            of_strategy.unreadable.add(&record.id);
        }
    }
}

fn observe_one(looked: &Looked, options: &FleetOptions, observe: &mut (dyn FnMut(Planned<'_>) + Send)) {
    let version = match looked.found {
        Found::Version(version) => Some(version),
        Found::Unreadable(_) => None,
        Found::Archived => return,
    };
    observe(Planned {
        tenant: looked.record.as_ref().map(|record| &record.id),
        strategy: &looked.strategy.name(),
        version,
        target: target(looked.strategy.latest(), options),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canaries(percent: u8, tenants: u64) -> usize {
        let options = FleetOptions::new().with_canaries(Canaries::Percent(percent));
        let mut choice = Choice::new(&options);
        let tenant = "acme".parse().unwrap();
        (0..tenants).filter(|_| choice.wave(&tenant) == Wave::Canaries).count()
    }

    #[test]
    fn a_percentage_of_canaries_is_so_many_and_at_least_one() {
        assert_eq!(canaries(2, 1_000), 20);
        assert_eq!(canaries(33, 100), 33);
        assert_eq!(canaries(1, 7), 1);
        assert_eq!(canaries(0, 7), 1);
        assert_eq!(canaries(100, 7), 7);
        assert_eq!(canaries(255, 7), 7);
    }
}

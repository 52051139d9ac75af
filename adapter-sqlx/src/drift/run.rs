//! The comparison of all strategies' tenants.

use std::collections::BTreeMap;

use sqlx::Database;
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::StrategyName;

use super::options::DriftOptions;
use super::report::DriftReport;
use crate::{StrategyError, TenantDb};

impl<DB: Database> TenantDb<DB> {
    /// Compares the catalogs of these tenants, each with those of its strategy and its version: see [the module](crate::drift).
    ///
    /// Nothing is written, and no lock is taken that a transaction could wait for, but for those of a reference that is
    /// [made anew](crate::drift::DriftReference::Build). Run it while no migration runs.
    ///
    /// # Errors
    ///
    /// If a strategy is unknown, cannot compare its tenants, or its databases cannot be reached; and if the reference is a tenant that is
    /// not one of these, or is not provisioned.
    pub async fn drift(&self, tenants: &[TenantRecord], options: &DriftOptions) -> Result<DriftReport, StrategyError> {
        let mut by_strategy: BTreeMap<&StrategyName, Vec<&TenantRecord>> = BTreeMap::new();
        for tenant in tenants {
            by_strategy.entry(&tenant.strategy).or_default().push(tenant);
        }
        if let super::DriftReference::Tenant(id) = options.reference() {
            let Some(reference) = tenants.iter().find(|tenant| tenant.id == *id) else {
                return Err(StrategyError::other(format!(
                    "the reference `{id}` is not one of the tenants"
                )));
            };
            by_strategy.retain(|strategy, _| **strategy == reference.strategy);
        }
        let mut report = DriftReport::default();
        for (name, mut tenants) in by_strategy {
            let strategy = self.strategies().find(name).map_err(StrategyError::other)?;
            tenants.sort_by(|one, other| one.id.cmp(&other.id));
            report.strategies.push(strategy.drift(&tenants, options).await?);
        }
        Ok(report)
    }
}

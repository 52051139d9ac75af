//! Tenants whose place is made.

use sqlx::Database;
use tenancy_core::enforce::Admitted;
use tenancy_core::testing::TestTenant;

use crate::{IsolationStrategy, ProvisionError, StrategyRegistry, TenantDb};

/// The data that one strategy keeps.
///
/// # Panics
///
/// If the strategy's name is not valid in a registry.
#[must_use]
pub fn db_of<DB: Database>(strategy: impl IsolationStrategy<DB> + 'static) -> TenantDb<DB> {
    #[expect(clippy::expect_used, reason = "no other strategy is in the registry")]
    let registry = StrategyRegistry::new().with(strategy).expect("one strategy");
    TenantDb::new(registry)
}

/// Makes the place of a tenant, and returns its member's capability.
///
/// # Errors
///
/// As of [`TenantDb::provision`].
pub async fn provisioned<DB: Database>(db: &TenantDb<DB>, tenant: &TestTenant) -> Result<Admitted, ProvisionError> {
    db.provision(tenant.record()).await?;
    Ok(tenant.admitted())
}

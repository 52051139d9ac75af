//! The places of tenants' data, whichever database they are in.

use std::future::Future;
use std::pin::Pin;

use sqlx::Database;
use tenancy_core::directory::TenantRecord;

use crate::{Place, PlaceChange, StrategyError, TenantDb};

/// The places of all tenants, whatever database they are in.
pub(in crate::directory) trait FencedPlaces: Send + Sync {
    /// Whether the place of this tenant is fenced.
    fn is_fenced(&self, tenant: &TenantRecord) -> bool;

    /// Changes the place, and returns what it is then. `None` if there is nowhere to write it: the tenant has no database.
    fn change<'p>(
        &'p self,
        tenant: &'p TenantRecord,
        change: PlaceChange,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Place>, StrategyError>> + Send + 'p>>;
}

impl<DB: Database> FencedPlaces for TenantDb<DB> {
    fn is_fenced(&self, tenant: &TenantRecord) -> bool {
        self.strategies()
            .find(&tenant.strategy)
            .is_ok_and(|strategy| strategy.is_fenced())
    }

    fn change<'p>(
        &'p self,
        tenant: &'p TenantRecord,
        change: PlaceChange,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Place>, StrategyError>> + Send + 'p>> {
        Box::pin(async move {
            let strategy = self.strategies().find(&tenant.strategy).map_err(StrategyError::other)?;
            strategy.change_place(tenant, change).await
        })
    }
}

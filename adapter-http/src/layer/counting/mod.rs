//! What a layer counts of tenants, once a request is one's.

mod by_tenant;
mod limiting;
#[cfg(feature = "metrics")]
mod top_tenants;

use http::Extensions;
use tenancy_core::context::TenantScope;
use tenancy_core::enforce::Rejection;

pub(crate) use self::by_tenant::ByTenant;
#[cfg(feature = "metrics")]
pub(super) use self::by_tenant::REQUESTS_BY_TENANT;
pub(crate) use self::limiting::Limiting;
use super::guard::RequestGuard;

/// What a layer counts of tenants.
pub(crate) struct Counting {
    pub(crate) limiting: Limiting,
    pub(crate) by_tenant: ByTenant,
}

impl Counting {
    pub(crate) const fn nothing() -> Self {
        Self {
            limiting: Limiting::nobody(),
            by_tenant: ByTenant::nobody(),
        }
    }

    /// Counts a request that is bound, or refuses it.
    pub(crate) fn count(
        &self,
        scope: &TenantScope,
        extensions: &mut Extensions,
        guard: &mut RequestGuard,
    ) -> Result<(), Rejection> {
        let counted = self.limiting.count(scope, extensions, guard);
        self.by_tenant.count(scope, extensions, counted.is_ok());
        counted
    }
}

//! What a change of a tenant's settings puts out of date.

use foldhash::quality::RandomState;
use tenancy_core::names::TenantId;

use super::cached_settings::CachedSettings;
use crate::group::Group;
use crate::store::Scope;

/// What is forgotten of settings.
pub(super) enum Forgotten {
    Tenant(TenantId),
    Everything,
}

impl Forgotten {
    fn covers_tenant(&self, other: &TenantId) -> bool {
        match self {
            Self::Tenant(tenant) => tenant == other,
            Self::Everything => true,
        }
    }
}

impl<T> Scope<TenantId, CachedSettings<T>> for Forgotten {
    fn group(&self, hasher: &RandomState) -> Option<Group> {
        match self {
            Self::Tenant(tenant) => Some(Group::new(hasher, tenant)),
            Self::Everything => None,
        }
    }

    fn names(&self) -> impl Iterator<Item = TenantId> {
        let tenant = match self {
            Self::Tenant(tenant) => Some(tenant.clone()),
            Self::Everything => None,
        };
        tenant.into_iter()
    }

    fn covers_all_misses(&self) -> bool {
        matches!(self, Self::Everything)
    }

    fn covers_value(&self, settings: &CachedSettings<T>) -> bool {
        self.covers_tenant(settings.tenant())
    }

    fn may_cover(&self, tenant: &TenantId) -> bool {
        self.covers_tenant(tenant)
    }

    fn covers(&self, tenant: &TenantId, _: Option<&CachedSettings<T>>) -> bool {
        self.covers_tenant(tenant)
    }
}

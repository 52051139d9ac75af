//! Who enters a tenant's data, as far as the tenant's status matters.

use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_core::enforce::{Admitted, Standing, Visit};

use crate::Purpose;

/// A tenant, and who enters it.
#[derive(Clone, Copy)]
pub(crate) struct Entrant<'a> {
    pub(crate) tenant: &'a TenantRecord,
    is_staff: bool,
}

impl Entrant<'_> {
    /// The same entrant, by a record of the tenant that was read later.
    pub(crate) const fn of(self, tenant: &TenantRecord) -> Entrant<'_> {
        Entrant {
            tenant,
            is_staff: self.is_staff,
        }
    }

    /// What a fenced place judges. Staff whose record says that the tenant is active have not been let into a suspended one.
    pub(crate) fn purpose(self) -> Purpose {
        if self.is_staff && self.tenant.status == TenantStatus::Suspended {
            Purpose::Staff
        } else {
            Purpose::Serve
        }
    }

    /// Whether the tenant's status lets a transaction begin. Staff of the platform are in a suspended tenant only where
    /// enforcement has let them in: the option stands there.
    pub(crate) fn may_begin(self) -> bool {
        match self.tenant.status {
            TenantStatus::Active => true,
            TenantStatus::Suspended => self.is_staff,
            TenantStatus::Provisioning | TenantStatus::Archived => false,
        }
    }
}

impl<'a> From<&'a Admitted> for Entrant<'a> {
    fn from(admitted: &'a Admitted) -> Self {
        Self {
            tenant: admitted.tenant(),
            is_staff: admitted.standing() == Standing::PlatformStaff,
        }
    }
}

impl<'a> From<&'a Visit> for Entrant<'a> {
    fn from(visit: &'a Visit) -> Self {
        Self {
            tenant: visit.tenant(),
            is_staff: false,
        }
    }
}

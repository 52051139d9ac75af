//! Who enters a tenant's data, as far as the tenant's status matters.

use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_core::enforce::{Admitted, Standing, Visit};

use crate::{Begin, Purpose};

/// A tenant, and who enters it.
#[derive(Clone, Copy)]
pub(crate) struct Entrant<'a> {
    pub(crate) tenant: &'a TenantRecord,
    is_staff: bool,
    is_read_only: bool,
}

impl Entrant<'_> {
    /// The same entrant, by a record of the tenant that was read later.
    pub(crate) const fn of(self, tenant: &TenantRecord) -> Entrant<'_> {
        Entrant {
            tenant,
            is_staff: self.is_staff,
            is_read_only: self.is_read_only,
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

    /// How the transaction begins: one who acts in a member's place reads, whatever the handler wants to begin.
    pub(crate) const fn narrow(self, begin: Begin) -> Begin {
        if self.is_read_only { begin.read_only() } else { begin }
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
            is_read_only: admitted.is_read_only(),
        }
    }
}

impl<'a> From<&'a Visit> for Entrant<'a> {
    fn from(visit: &'a Visit) -> Self {
        Self {
            tenant: visit.tenant(),
            is_staff: false,
            is_read_only: false,
        }
    }
}

//! What a strategy is given: a tenant with what may be done to its data, and permits for what only the handle of transactions starts.

use tenancy_core::directory::TenantRecord;
use tenancy_core::names::TenantId;

use super::begin_options::{Begin, IsolationLevel, Mode};
use crate::Purpose;

/// Whether a tenant's data is fenced off, for [`IsolationStrategy::fence`](crate::IsolationStrategy::fence).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fence {
    /// Nobody writes the tenant's data.
    Raised,
    /// Transactions begin as before.
    Lifted,
}

/// A tenant, and what may be done to its data.
///
/// Only [`TenantDb`](crate::TenantDb) makes one, from a capability. So a strategy's `begin` cannot
/// be called around it:
///
/// ```compile_fail,E0624
/// # use tenancy_core::directory::TenantRecord;
/// # use tenancy_sqlx::{Begin, Binding, Purpose};
/// fn forge(tenant: &TenantRecord) -> Binding<'_> {
///     Binding::new(tenant, Begin::new(), Purpose::Serve)
/// }
/// ```
///
/// A strategy reads one, and may pass it on to another strategy:
///
/// ```
/// # use tenancy_core::names::TenantId;
/// # use tenancy_sqlx::Binding;
/// fn tenant<'t>(binding: Binding<'t>) -> &'t TenantId {
///     binding.id()
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Binding<'t> {
    tenant: &'t TenantRecord,
    begin: Begin,
    purpose: Purpose,
}

impl<'t> Binding<'t> {
    pub(crate) const fn new(tenant: &'t TenantRecord, begin: Begin, purpose: Purpose) -> Self {
        Self { tenant, begin, purpose }
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> &'t TenantRecord {
        self.tenant
    }

    /// The tenant's id.
    #[must_use]
    pub const fn id(&self) -> &'t TenantId {
        &self.tenant.id
    }

    /// What the transaction may do.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.begin.mode()
    }

    /// The isolation level that was chosen; `None` is the database's own default.
    ///
    /// A strategy may begin at a stricter level, and never at a weaker one.
    #[must_use]
    pub const fn isolation(&self) -> Option<IsolationLevel> {
        self.begin.isolation_level()
    }

    /// Why the transaction begins. Only a strategy with a fence looks at it.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }
}

/// The permit for [`IsolationStrategy::remove`](crate::IsolationStrategy::remove). Only
/// [`TenantDb::dangerously_remove`](crate::TenantDb::dangerously_remove) makes one, of an archived tenant.
#[derive(Clone, Copy, Debug)]
pub struct Removal<'t>(&'t TenantRecord);

impl<'t> Removal<'t> {
    pub(crate) const fn new(tenant: &'t TenantRecord) -> Self {
        Self(tenant)
    }

    /// The tenant whose data is to go.
    #[must_use]
    pub const fn id(self) -> &'t TenantId {
        &self.0.id
    }

    /// The tenant's record.
    #[must_use]
    pub const fn tenant(self) -> &'t TenantRecord {
        self.0
    }
}

/// The permit for [`IsolationStrategy::begin_across_tenants`](crate::IsolationStrategy::begin_across_tenants). Only
/// [`TenantDb::dangerously_begin_across_tenants`](crate::TenantDb::dangerously_begin_across_tenants)
/// makes one.
#[derive(Debug)]
pub struct AcrossTenants(());

impl AcrossTenants {
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

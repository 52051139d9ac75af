//! What tenants' catalogs are compared with.

use tenancy_core::names::TenantId;

/// What the catalogs of tenants are compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DriftReference {
    /// With what the most tenants of the same version have.
    #[default]
    Majority,
    /// With what this tenant has. Tenants of other versions are not compared.
    Tenant(TenantId),
    /// With what the migrations make, in a database that is made for this and dropped afterwards. Tenants of a version that the
    /// migrations do not have are not compared.
    ///
    /// On PostgreSQL it is made on the server of tenants without a placement, beside no tenant's data, by the administrator, who needs
    /// the right to make databases. Migrations do what they do: one that writes to the server writes to it here, too.
    Build,
}

/// How catalogs are compared.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct DriftOptions {
    pub(crate) reference: DriftReference,
}

impl DriftOptions {
    /// With what the most tenants have.
    pub const fn new() -> Self {
        Self {
            reference: DriftReference::Majority,
        }
    }

    /// Sets what catalogs are compared with.
    pub fn with_reference(self, reference: DriftReference) -> Self {
        Self { reference }
    }

    /// What catalogs are compared with.
    #[must_use]
    pub const fn reference(&self) -> &DriftReference {
        &self.reference
    }
}

//! What enforcement ends in.

use crate::{ResolverName, Slug, Subject, TenantId, TenantRecord};

/// A member's capability to act in one tenant.
///
/// It comes from [`Authorize::allow`](crate::Authorize::allow) alone. Whoever holds one has been
/// named a tenant by the request, and has been found to be its member. It cannot be made up:
///
/// ```compile_fail,E0451
/// # use tenancy_core::{Admitted, ResolverName, Subject, TenantRecord};
/// fn forge(tenant: TenantRecord, resolver: ResolverName, subject: Subject) -> Admitted {
///     Admitted { tenant, resolver, subject }
/// }
/// ```
///
/// ```
/// # use tenancy_core::{Admitted, ResolverName, Subject, TenantRecord};
/// fn assume(tenant: TenantRecord, resolver: ResolverName, subject: Subject) -> Admitted {
///     Admitted::dangerously_assume(tenant, resolver, subject)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    tenant: TenantRecord,
    resolver: ResolverName,
    subject: Subject,
}

impl Admitted {
    pub(crate) const fn new(tenant: TenantRecord, resolver: ResolverName, subject: Subject) -> Self {
        Self {
            tenant,
            resolver,
            subject,
        }
    }

    /// Makes a capability out of nothing, for jobs that serve no request: queues, migrations, tests.
    ///
    /// # Security
    ///
    /// Nothing is checked. Never call this with a tenant that a request named: that is the leak
    /// that this library exists to prevent.
    #[must_use]
    pub const fn dangerously_assume(tenant: TenantRecord, resolver: ResolverName, subject: Subject) -> Self {
        Self {
            tenant,
            resolver,
            subject,
        }
    }

    /// The tenant's immutable id.
    #[must_use]
    pub const fn id(&self) -> &TenantId {
        &self.tenant.id
    }

    /// The tenant's name in addresses.
    #[must_use]
    pub const fn slug(&self) -> &Slug {
        &self.tenant.slug
    }

    /// The tenant, as the directory knows it.
    #[must_use]
    pub const fn tenant(&self) -> &TenantRecord {
        &self.tenant
    }

    /// Which resolver named the tenant.
    #[must_use]
    pub const fn resolver(&self) -> &ResolverName {
        &self.resolver
    }

    /// The member who acts.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The lesser capability of a visitor to the same tenant.
    #[must_use]
    pub fn to_visit(&self) -> Visit {
        Visit::new(self.tenant.clone(), self.resolver.clone())
    }
}

/// A public route's capability: it reads what an active tenant shows to anyone.
///
/// It is no [`Admitted`], and nothing turns it into one:
///
/// ```compile_fail,E0308
/// # use tenancy_core::{Admitted, Visit};
/// fn promote(visit: Visit) -> Admitted {
///     visit
/// }
/// ```
///
/// ```
/// # use tenancy_core::{Admitted, Visit};
/// fn demote(admitted: Admitted) -> Visit {
///     admitted.to_visit()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    tenant: TenantRecord,
    resolver: ResolverName,
}

impl Visit {
    pub(crate) const fn new(tenant: TenantRecord, resolver: ResolverName) -> Self {
        Self { tenant, resolver }
    }

    /// The tenant's immutable id.
    #[must_use]
    pub const fn id(&self) -> &TenantId {
        &self.tenant.id
    }

    /// The tenant's name in addresses.
    #[must_use]
    pub const fn slug(&self) -> &Slug {
        &self.tenant.slug
    }

    /// The tenant, as the directory knows it.
    #[must_use]
    pub const fn tenant(&self) -> &TenantRecord {
        &self.tenant
    }

    /// Which resolver named the tenant.
    #[must_use]
    pub const fn resolver(&self) -> &ResolverName {
        &self.resolver
    }
}

/// How a request that is not refused is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is no allocator to box with")]
pub enum Outcome {
    /// A member acts in a tenant.
    Admitted(Admitted),
    /// Anyone reads what a tenant shows.
    Visit(Visit),
    /// An optional route, and the request names no tenant.
    NoTenant,
}

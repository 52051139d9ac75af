//! The capabilities that enforcement gives: a member's, and a visitor's.

use core::ops::Deref;

use crate::directory::{Roles, TenantHandle, TenantRecord};
use crate::enforce::{Caller, Standing};
use crate::names::{Issuer, ResolverName, Slug, Subject, TenantId};
use crate::request::Actor;

/// A member's capability to act in one tenant.
///
/// It comes from [`Authorize::allow`](crate::enforce::Authorize::allow) and its siblings alone. Code that holds one has been
/// named a tenant by the request, and has been found to be its member. It cannot be made up:
///
/// ```compile_fail,E0451
/// # use tenancy_core::directory::Roles;
/// # use tenancy_core::enforce::{Admitted, Caller, Standing, Visit};
/// fn forge(visit: Visit, caller: Caller) -> Admitted {
///     let (standing, roles) = (Standing::Member, Roles::none());
///     Admitted { visit, caller, standing, roles }
/// }
/// ```
///
/// ```
/// # use tenancy_core::directory::TenantRecord;
/// # use tenancy_core::enforce::Admitted;
/// # use tenancy_core::names::{ResolverName, Subject};
/// fn assume(tenant: TenantRecord, resolver: ResolverName, subject: Subject) -> Admitted {
///     Admitted::dangerously_assume(tenant, resolver, subject)
/// }
/// ```
///
/// It dereferences to the [`Visit`] of the same tenant, which is the lesser capability: a member may do what a visitor
/// may. That is where the tenant's own accessors are: [`id`](Visit::id), [`slug`](Visit::slug),
/// [`tenant`](Visit::tenant), [`resolver`](Visit::resolver).
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "membership")]
pub struct Admitted {
    visit: Visit,
    caller: Caller,
    standing: Standing,
    roles: Roles,
}

impl Admitted {
    pub(crate) const fn new(visit: Visit, caller: Caller, standing: Standing, roles: Roles) -> Self {
        Self {
            visit,
            caller,
            standing,
            roles,
        }
    }

    /// Makes a capability out of nothing, for migrations and tests. Its issuer is unknown. For jobs that serve no request
    /// there is [`admit_job`](crate::enforce::admit_job), which asks the directory.
    ///
    /// # Security
    ///
    /// Nothing is checked, the tenant's status neither. Never call this with a tenant that a request named: that is the leak
    /// that this library exists to prevent.
    #[must_use]
    #[doc(alias = "background job")]
    pub fn dangerously_assume(tenant: impl Into<TenantHandle>, resolver: ResolverName, subject: Subject) -> Self {
        let visit = Visit::new(tenant.into(), resolver);
        Self::new(
            visit,
            Caller::dangerously_assume(subject),
            Standing::Member,
            Roles::none(),
        )
    }

    /// Who acts, without the tenant. Of a job it is the job's own name, which no credential has verified.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The same capability on another ground.
    pub(crate) const fn with_standing(mut self, standing: Standing) -> Self {
        self.standing = standing;
        self
    }

    /// The member who acts.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        self.caller.subject()
    }

    /// The issuer of the credential by which the [`subject`](Self::subject) was authenticated; `None` if the
    /// credential does not say. Two issuers may each have a subject of the same name, so a service that trusts several
    /// must not identify a caller by the subject alone.
    #[must_use]
    #[doc(alias = "iss")]
    pub const fn issuer(&self) -> Option<&Issuer> {
        self.caller.issuer()
    }

    /// Who acts in the member's place, where somebody does.
    #[must_use]
    #[doc(alias = "act")]
    #[doc(alias = "impersonation")]
    pub const fn actor(&self) -> Option<&Actor> {
        self.caller.actor()
    }

    /// Whether the one who acts may only read: all transactions that begin with this capability are read-only then. Look at it before
    /// anything is changed that is in no tenant's database, such as a file or an invoice.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.caller.is_read_only()
    }

    /// On what ground the caller acts: as a member, as staff of the platform, or as one who acts in a member's place.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// The member's roles in this tenant.
    #[must_use]
    pub const fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The lesser capability of a visitor to the same tenant.
    #[must_use]
    pub fn to_visit(&self) -> Visit {
        self.visit.clone()
    }
}

impl Deref for Admitted {
    type Target = Visit;

    fn deref(&self) -> &Visit {
        &self.visit
    }
}

/// A public route's capability: it reads what an active tenant shows to anyone.
///
/// It is no [`Admitted`], and nothing turns it into one:
///
/// ```compile_fail,E0308
/// # use tenancy_core::enforce::{Admitted, Visit};
/// fn promote(visit: Visit) -> Admitted {
///     visit
/// }
/// ```
///
/// ```
/// # use tenancy_core::enforce::{Admitted, Visit};
/// fn demote(admitted: Admitted) -> Visit {
///     admitted.to_visit()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    tenant: TenantHandle,
    resolver: ResolverName,
}

impl Visit {
    pub(crate) const fn new(tenant: TenantHandle, resolver: ResolverName) -> Self {
        Self { tenant, resolver }
    }

    /// The tenant's immutable id.
    #[must_use]
    pub fn id(&self) -> &TenantId {
        &self.tenant.id
    }

    /// The tenant's name in addresses.
    #[must_use]
    pub fn slug(&self) -> &Slug {
        &self.tenant.slug
    }

    /// The tenant, as the directory knows it.
    #[must_use]
    pub fn tenant(&self) -> &TenantRecord {
        &self.tenant
    }

    /// Which resolver named the tenant.
    #[must_use]
    pub const fn resolver(&self) -> &ResolverName {
        &self.resolver
    }
}

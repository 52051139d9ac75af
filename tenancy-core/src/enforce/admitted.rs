//! What enforcement ends in.

use crate::{Cause, Rejection, ResolverName, Roles, Slug, Standing, Subject, TenantHandle, TenantId, TenantRecord};

/// A member's capability to act in one tenant.
///
/// It comes from [`Authorize::allow`](crate::Authorize::allow) and its siblings alone. Code that holds one has been
/// named a tenant by the request, and has been found to be its member. It cannot be made up:
///
/// ```compile_fail,E0451
/// # use tenancy_core::{Admitted, ResolverName, Roles, Standing, Subject, TenantHandle};
/// fn forge(tenant: TenantHandle, resolver: ResolverName, subject: Subject) -> Admitted {
///     let (standing, roles) = (Standing::Member, Roles::none());
///     Admitted { tenant, resolver, subject, standing, roles }
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
    tenant: TenantHandle,
    resolver: ResolverName,
    subject: Subject,
    standing: Standing,
    roles: Roles,
}

impl Admitted {
    pub(crate) const fn new(
        tenant: TenantHandle,
        resolver: ResolverName,
        subject: Subject,
        standing: Standing,
        roles: Roles,
    ) -> Self {
        Self {
            tenant,
            resolver,
            subject,
            standing,
            roles,
        }
    }

    /// Makes a capability out of nothing, for jobs that serve no request: queues, migrations, tests.
    ///
    /// # Security
    ///
    /// Nothing is checked. Never call this with a tenant that a request named: that is the leak
    /// that this library exists to prevent.
    #[must_use]
    pub fn dangerously_assume(tenant: impl Into<TenantHandle>, resolver: ResolverName, subject: Subject) -> Self {
        Self::new(tenant.into(), resolver, subject, Standing::Member, Roles::none())
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

    /// The member who acts.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// On what ground the caller acts: as a member, or as staff of the platform.
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

/// How a request that is not refused is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "std"),
    expect(clippy::large_enum_variant, reason = "there is no allocator to box with")
)]
pub enum Outcome {
    /// A member acts in a tenant.
    Admitted(Admitted),
    /// Anyone reads what a tenant shows.
    Visit(Visit),
    /// An optional route, and the request names no tenant.
    NoTenant,
}

impl Outcome {
    /// What holds where one layer stands inside another: `self` is the inner one's outcome.
    ///
    /// The inner one may confirm the outer tenant, and turn a visit into a member's capability. It
    /// never replaces tenant or member, and what was found outside does not get lost.
    ///
    /// # Errors
    ///
    /// Where the inner outcome contradicts the outer one.
    pub fn within(self, outer: &Self) -> Result<Self, Rejection> {
        match (outer, &self) {
            (Self::NoTenant, _) => Ok(self),
            (Self::Admitted(_), Self::NoTenant) => Ok(outer.clone()),
            (Self::Admitted(member), Self::Admitted(inner))
                if member.id() == inner.id()
                    && member.subject() == inner.subject()
                    && member.standing() == inner.standing() =>
            {
                Ok(outer.clone())
            }
            (Self::Admitted(member), Self::Visit(visit)) if member.id() == visit.id() => Ok(outer.clone()),
            (Self::Visit(visit), Self::Admitted(member)) if visit.id() == member.id() => Ok(self),
            (Self::Visit(visit), Self::Visit(inner)) if visit.id() == inner.id() => Ok(outer.clone()),
            _ => Err(Rejection::new(Cause::TenantReplaced)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, subject: &str) -> Outcome {
        let tenant = TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap());
        let resolver = ResolverName::from_static("header");
        Outcome::Admitted(Admitted::dangerously_assume(tenant, resolver, subject.parse().unwrap()))
    }

    fn visit(id: &str) -> Outcome {
        let Outcome::Admitted(admitted) = member(id, "a") else {
            return Outcome::NoTenant;
        };
        Outcome::Visit(admitted.to_visit())
    }

    #[test]
    fn an_inner_layer_confirms_and_narrows_and_nothing_else() {
        let replaced = || Err(Rejection::new(Cause::TenantReplaced));
        for (outer, inner, expected) in [
            (Outcome::NoTenant, Outcome::NoTenant, Ok(Outcome::NoTenant)),
            (Outcome::NoTenant, member("a", "x"), Ok(member("a", "x"))),
            (member("a", "x"), member("a", "x"), Ok(member("a", "x"))),
            (member("a", "x"), member("a", "y"), replaced()),
            (member("a", "x"), member("b", "x"), replaced()),
            (member("a", "x"), visit("a"), Ok(member("a", "x"))),
            (member("a", "x"), visit("b"), replaced()),
            (member("a", "x"), Outcome::NoTenant, Ok(member("a", "x"))),
            (visit("a"), member("a", "x"), Ok(member("a", "x"))),
            (visit("a"), member("b", "x"), replaced()),
            (visit("a"), visit("a"), Ok(visit("a"))),
            (visit("a"), visit("b"), replaced()),
            (visit("a"), Outcome::NoTenant, replaced()),
        ] {
            assert_eq!(inner.clone().within(&outer), expected, "{inner:?} in {outer:?}");
        }
    }
}

//! What enforcement ends in.

use core::ops::Deref;

use crate::directory::{Roles, TenantHandle, TenantRecord};
use crate::enforce::{Caller, Cause, Rejection, Standing};
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

/// How a request that is not refused is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    /// A route under [`Access::Authenticated`](crate::enforce::Access::Authenticated): a verified caller acts in no tenant.
    Authenticated(Caller),
}

impl Outcome {
    /// What holds where one layer stands inside another: `self` is the inner one's outcome.
    ///
    /// The inner one may confirm the outer tenant, and turn a visit into a member's capability. It
    /// never replaces tenant or member, and the tenant that was found outside does not get lost.
    ///
    /// A caller is another dimension. An outcome without a tenant or with a visit has no room for one that another layer
    /// has verified: [`TenantScope::within`](crate::context::TenantScope::within) holds both, and compares all callers.
    ///
    /// # Errors
    ///
    /// Where the inner outcome contradicts the outer one.
    pub fn within(self, outer: &Self) -> Result<Self, Rejection> {
        match (outer, &self) {
            (Self::Authenticated(caller), Self::Admitted(inner)) if !caller.is_same(inner.caller()) => {
                Err(Rejection::new(Cause::CallerReplaced))
            }
            (Self::Admitted(_) | Self::Authenticated(_), Self::Authenticated(inner))
                if !outer.caller().is_some_and(|caller| caller.is_same(inner)) =>
            {
                Err(Rejection::new(Cause::CallerReplaced))
            }
            (_, Self::Authenticated(_)) => Ok(outer.clone()),
            (Self::NoTenant | Self::Authenticated(_), _) => Ok(self),
            (Self::Admitted(_), Self::NoTenant) => Ok(outer.clone()),
            (Self::Admitted(member), Self::Admitted(inner))
                if member.id() == inner.id() && is_same_member(member, inner) =>
            {
                Ok(outer.clone())
            }
            (Self::Admitted(member), Self::Visit(visit)) if member.id() == visit.id() => Ok(outer.clone()),
            (Self::Visit(visit), Self::Admitted(member)) if visit.id() == member.id() => Ok(self),
            (Self::Visit(visit), Self::Visit(inner)) if visit.id() == inner.id() => Ok(outer.clone()),
            _ => Err(Rejection::new(Cause::TenantReplaced)),
        }
    }

    /// Who acts: a member, or the caller of a route without a tenant. A job has no caller.
    #[must_use]
    pub const fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Admitted(admitted) if matches!(admitted.standing, Standing::Job) => None,
            Self::Admitted(admitted) => Some(admitted.caller()),
            Self::Authenticated(caller) => Some(caller),
            Self::Visit(_) | Self::NoTenant => None,
        }
    }
}

pub(super) fn is_same_member(outer: &Admitted, inner: &Admitted) -> bool {
    outer.caller().is_same(inner.caller()) && outer.standing() == inner.standing()
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

    fn member_by(issuer: &'static str) -> Outcome {
        match member("a", "x") {
            Outcome::Admitted(admitted) => Outcome::Admitted(Admitted {
                caller: Caller::new(admitted.subject().clone(), Some(issuer.into())),
                ..admitted
            }),
            outcome => outcome,
        }
    }

    #[test]
    fn subjects_of_two_issuers_are_two_callers() {
        let replaced = || Err(Rejection::new(Cause::TenantReplaced));
        for (outer, inner, expected) in [
            (member_by("i"), member_by("i"), Ok(member_by("i"))),
            (member_by("i"), member_by("j"), replaced()),
            (member_by("i"), member("a", "x"), Ok(member_by("i"))),
            (member("a", "x"), member_by("i"), Ok(member("a", "x"))),
        ] {
            assert_eq!(inner.clone().within(&outer), expected, "{inner:?} in {outer:?}");
        }
    }

    fn caller(subject: &str) -> Outcome {
        Outcome::Authenticated(Caller::dangerously_assume(subject.parse().unwrap()))
    }

    fn caller_by(issuer: &'static str) -> Outcome {
        Outcome::Authenticated(Caller::new("x".parse().unwrap(), Some(issuer.into())))
    }

    #[test]
    fn a_caller_is_confirmed_and_neither_gives_nor_takes_a_tenant() {
        let replaced = || Err(Rejection::new(Cause::CallerReplaced));
        for (outer, inner, expected) in [
            (caller("x"), caller("x"), Ok(caller("x"))),
            (caller("x"), caller("y"), replaced()),
            (caller_by("i"), caller_by("j"), replaced()),
            (caller("x"), member("a", "x"), Ok(member("a", "x"))),
            (caller("x"), member("a", "y"), replaced()),
            (caller_by("i"), member_by("j"), replaced()),
            (caller("x"), visit("a"), Ok(visit("a"))),
            (caller("x"), Outcome::NoTenant, Ok(Outcome::NoTenant)),
            (member("a", "x"), caller("x"), Ok(member("a", "x"))),
            (member("a", "x"), caller("y"), replaced()),
            (member_by("i"), caller_by("j"), replaced()),
            (visit("a"), caller("x"), Ok(visit("a"))),
            (Outcome::NoTenant, caller("x"), Ok(Outcome::NoTenant)),
        ] {
            assert_eq!(inner.clone().within(&outer), expected, "{inner:?} in {outer:?}");
        }
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

//! Who sends a request, whatever the tenant.

use crate::directory::TenantRecord;
use crate::names::{Issuer, Subject};
use crate::request::{Actor, IssuerTenants, VerifiedClaims};

/// A caller whose credential was verified.
///
/// It says who sends a request, and nothing of tenants: it is no [`Admitted`](crate::enforce::Admitted), and no connection
/// to a tenant's data comes of it. It comes from enforcement: of a route under
/// [`Access::Authenticated`](crate::enforce::Access::Authenticated), and of every other on which credentials were verified.
///
/// ```compile_fail,E0451
/// # use tenancy_core::enforce::Caller;
/// # use tenancy_core::names::Subject;
/// fn forge(subject: Subject) -> Caller {
///     Caller { subject, issuer: None, issuer_tenants: None, is_platform_staff: true, actor: None }
/// }
/// ```
///
/// ```
/// # use tenancy_core::enforce::Caller;
/// # use tenancy_core::names::Subject;
/// fn assume(subject: Subject) -> Caller {
///     Caller::dangerously_assume(subject)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "user")]
#[doc(alias = "principal")]
#[doc(alias = "identity")]
pub struct Caller {
    subject: Subject,
    issuer: Option<Issuer>,
    /// The tenants that the issuer may speak for, if it is bound to some.
    issuer_tenants: Option<IssuerTenants>,
    is_platform_staff: bool,
    actor: Option<Actor>,
}

impl Caller {
    /// The caller of a request whose credential says this.
    #[inline]
    pub(crate) fn of(claims: &dyn VerifiedClaims) -> Self {
        Self {
            subject: claims.subject().clone(),
            issuer: claims.issuer_handle(),
            issuer_tenants: claims.issuer_tenants(),
            is_platform_staff: claims.is_platform_staff(),
            actor: claims.actor().cloned(),
        }
    }

    /// Makes a caller out of nothing, for jobs and tests. Its issuer is unknown, and it is not staff.
    ///
    /// # Security
    ///
    /// Nothing is verified. Never call this with a subject that a request names.
    #[must_use]
    pub const fn dangerously_assume(subject: Subject) -> Self {
        Self::new(subject, None)
    }

    pub(crate) const fn new(subject: Subject, issuer: Option<Issuer>) -> Self {
        Self {
            subject,
            issuer,
            issuer_tenants: None,
            is_platform_staff: false,
            actor: None,
        }
    }

    /// Who the caller is, by the issuer's name for them.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The issuer of the credential by which the [`subject`](Self::subject) was authenticated; `None` if the
    /// credential does not say. Two issuers may each have a subject of the same name, so a service that trusts several
    /// must not identify a caller by the subject alone.
    #[must_use]
    #[doc(alias = "iss")]
    pub const fn issuer(&self) -> Option<&Issuer> {
        self.issuer.as_ref()
    }

    /// Whether the caller's [`issuer`](Self::issuer) may speak for `tenant`. Where it may not, the caller is a stranger there,
    /// whatever a directory says of its members.
    #[must_use]
    pub fn may_speak_for(&self, tenant: &TenantRecord) -> bool {
        self.issuer_tenants.as_ref().is_none_or(|bound| bound.include(tenant))
    }

    /// Whether the credential names its holder as staff of the platform.
    #[must_use]
    pub const fn is_platform_staff(&self) -> bool {
        self.is_platform_staff
    }

    /// Who acts in the caller's place, where somebody does: support that looks at a tenant as this member would see it.
    #[must_use]
    #[doc(alias = "act")]
    #[doc(alias = "impersonation")]
    pub const fn actor(&self) -> Option<&Actor> {
        self.actor.as_ref()
    }

    /// Whether an actor acts in the caller's place who [may not write](Actor::may_write).
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.actor.as_ref().is_some_and(|actor| !actor.may_write())
    }

    /// The same caller, whose issuer may speak only for tenants that `other`, the same caller by another layer, allows too.
    #[cfg(feature = "std")]
    pub(crate) fn bound_as(self, other: &Self) -> Self {
        let issuer_tenants = match (self.issuer_tenants, &other.issuer_tenants) {
            (Some(bound), Some(other)) => Some(bound.and(other)),
            (bound, other) => bound.or_else(|| other.clone()),
        };
        Self { issuer_tenants, ..self }
    }

    /// Whether two layers have authenticated one caller. Subjects of two issuers are two callers, also if they are spelled
    /// alike; an issuer that a credential does not name contradicts nothing.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let is_same_issuer = match (self.issuer(), other.issuer()) {
            (Some(one), Some(other)) => one == other,
            (None, _) | (_, None) => true,
        };
        is_same_issuer && self.subject == other.subject && self.actor == other.actor
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use crate::request::Claims;

    #[test]
    fn one_who_acts_in_the_callers_place_is_another_caller_and_reads() {
        let alice = || Claims::new(Subject::from_static("alice"));
        let carol = || Actor::new(Subject::from_static("carol"));
        let dave = Actor::new(Subject::from_static("dave"));
        let granted = carol().with_grant("g1".parse().unwrap());
        let writes = carol().dangerously_let_write();
        let of = |actor: &Actor| Caller::of(&alice().with_actor(actor.clone()));
        let herself = Caller::of(&alice());
        assert!(herself.is_same(&Caller::of(&alice())) && !herself.is_read_only());
        let others = [carol(), dave, granted, writes];
        for (index, actor) in others.iter().enumerate() {
            let caller = of(actor);
            assert_eq!(caller.actor(), Some(actor));
            assert_eq!(caller.is_read_only(), !actor.may_write(), "{actor:?}");
            assert!(!caller.is_same(&herself) && !herself.is_same(&caller), "{actor:?}");
            for (other_index, other) in others.iter().enumerate() {
                assert_eq!(caller.is_same(&of(other)), index == other_index, "{actor:?}, {other:?}");
            }
        }
    }
}

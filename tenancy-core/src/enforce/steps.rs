//! The steps of enforcement. Each owns the next state; answering one consumes it.

use super::access::Access;
use super::disclosure::Disclosure;
use crate::directory::{Decision, Roles, TenantEntry, TenantHandle, TenantRecord, TenantStatus, answers_to};
use crate::enforce::{Admitted, Caller, Cause, Outcome, Rejection, Standing, Visit};
use crate::names::{ResolverName, TenantKey};
use crate::request::{RequestView, VerifiedClaims};
use crate::resolve::{OtherIndices, ResolverChain};

/// What comes next for a request.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "std"),
    expect(clippy::large_enum_variant, reason = "there is no allocator to box with")
)]
pub enum Step<'r> {
    /// A directory must be queried for the tenant that the request names.
    Lookup(Lookup<'r>),
    /// An authorizer must be queried whether the caller is a member.
    Authorize(Authorize<'r>),
    /// The request is bound.
    Done(Outcome),
    /// The request is refused.
    Reject(Rejection),
}

/// A question to a directory: whose key is this?
///
/// It is answered once:
///
/// ```compile_fail,E0382
/// # use tenancy_core::directory::TenantRecord;
/// # use tenancy_core::enforce::{Lookup, Step};
/// fn twice<'r>(lookup: Lookup<'r>, record: &TenantRecord) -> [Step<'r>; 2] {
///     [lookup.found(record), lookup.missing()]
/// }
/// ```
///
/// ```
/// # use tenancy_core::directory::TenantRecord;
/// # use tenancy_core::enforce::{Lookup, Step};
/// fn once<'r>(lookup: Lookup<'r>, record: Option<&TenantRecord>) -> Step<'r> {
///     match record {
///         Some(record) => lookup.found(record),
///         None => lookup.missing(),
///     }
/// }
/// ```
#[must_use = "a look-up that is not answered leaves the request undecided"]
pub struct Lookup<'r> {
    pub(crate) access: Access,
    pub(crate) disclosure: Disclosure,
    pub(crate) staff_enter_suspended: bool,
    pub(crate) resolver: &'r ResolverName,
    pub(crate) key: &'r mut TenantKey,
    /// The resolvers that name the keys which must be looked up after this one.
    pub(crate) others: OtherIndices,
    /// Whether the request named more than one key; stays true while they are worked off.
    pub(crate) is_one_of_many: bool,
    /// Whose the keys were that have been looked up.
    pub(crate) found: Option<TenantHandle>,
    pub(crate) claims: Option<&'r dyn VerifiedClaims>,
    pub(crate) chain: &'r ResolverChain,
    /// `None` of a request that was bound before, whose resolvers do not run again.
    pub(crate) request: Option<&'r RequestView<'r>>,
}

impl core::fmt::Debug for Lookup<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Lookup")
            .field("resolver", &self.resolver)
            .field("key", &&*self.key)
            .finish_non_exhaustive()
    }
}

impl<'r> Lookup<'r> {
    /// The key to look up.
    #[must_use]
    pub const fn key(&self) -> &TenantKey {
        self.key
    }

    /// The directory knows the key.
    #[must_use]
    pub fn found(self, entry: &(impl TenantEntry + ?Sized)) -> Step<'r> {
        match self.check(entry) {
            Ok(tenant) => self.accept(tenant),
            Err(rejection) => Step::Reject(rejection),
        }
    }

    /// The tenant of an entry that answers to the key.
    pub(crate) fn check(&self, entry: &(impl TenantEntry + ?Sized)) -> Result<TenantHandle, Rejection> {
        // What is handed on is what is judged, whatever else the entry says of itself.
        let tenant = entry.handle();
        if answers_to(entry, self.key) && tenant.id == entry.record().id {
            Ok(tenant)
        } else {
            Err(Rejection::new(Cause::DirectoryAnsweredAnotherTenant))
        }
    }

    /// Goes on with a tenant that has been [checked](Self::check).
    pub(crate) fn accept(mut self, tenant: TenantHandle) -> Step<'r> {
        if self.found.as_ref().is_some_and(|other| other.id != tenant.id) {
            return self.reject(Cause::ConflictingRecords);
        }
        let Some(index) = self.others.pop() else {
            return self.judge(tenant);
        };
        let Some(request) = self.request else {
            return self.reject(Cause::ConflictingRecords);
        };
        match self.chain.resolve_again(index, request) {
            Ok(Some(key)) => {
                self.found = Some(tenant);
                *self.key = key;
                Step::Lookup(self)
            }
            // The resolver has named a key before. If it changes its mind, neither answer is believed.
            Ok(None) => self.reject(Cause::ConflictingRecords),
            Err(malformed) => Step::Reject(Rejection::new(malformed.cause())),
        }
    }

    /// The directory knows no such key.
    #[must_use]
    pub fn missing(self) -> Step<'r> {
        let cause = if self.is_one_of_many {
            Cause::ConflictingRecords
        } else {
            Cause::UnknownTenant
        };
        self.reject(cause)
    }

    /// The directory knows the key where it has an entry: [`found`](Self::found) or [`missing`](Self::missing).
    #[must_use]
    pub fn answered(self, entry: Option<&(impl TenantEntry + ?Sized)>) -> Step<'r> {
        match entry {
            Some(entry) => self.found(entry),
            None => self.missing(),
        }
    }

    /// The directory cannot tell.
    #[must_use]
    pub fn unavailable(self) -> Step<'r> {
        Step::Reject(Rejection::new(Cause::DirectoryUnavailable))
    }

    fn judge(self, tenant: TenantHandle) -> Step<'r> {
        match tenant.status {
            TenantStatus::Active => {}
            TenantStatus::Provisioning => return self.reject(Cause::ProvisioningTenant),
            // The authorizer decides whether they enter, and only as staff.
            TenantStatus::Suspended if self.may_be_entered_by_staff() => {}
            TenantStatus::Suspended => return self.reject(Cause::SuspendedTenant),
            TenantStatus::Archived => return self.reject(Cause::ArchivedTenant),
        }
        if self.access != Access::Public && self.claims.is_some_and(|claims| !claims.may_speak_for(&tenant)) {
            return self.reject(Cause::NotAMember);
        }
        match (self.access, self.claims) {
            (Access::Public, _) => Step::Done(Outcome::Visit(Visit::new(tenant, self.resolver.clone()))),
            (_, Some(claims)) => Step::Authorize(Authorize {
                disclosure: self.disclosure,
                resolver: self.resolver,
                tenant,
                claims,
            }),
            // `begin` has refused this already; refusing twice is better than trusting that.
            (_, None) => Step::Reject(Rejection::new(Cause::NoCredentials)),
        }
    }

    /// Whether the caller may be let into a suspended tenant. A public route shows nobody one.
    fn may_be_entered_by_staff(&self) -> bool {
        self.staff_enter_suspended
            && self.access != Access::Public
            && self.claims.is_some_and(VerifiedClaims::is_platform_staff)
    }

    fn reject(&self, cause: Cause) -> Step<'r> {
        Step::Reject(match self.access {
            Access::Public => Rejection::not_found(cause),
            Access::Authenticated | Access::Optional | Access::Scoped => self.disclosure.rejection(cause),
        })
    }
}

/// A question to an authorizer: is the caller a member of this tenant?
///
/// It is answered once, and cannot be skipped: a look-up does not admit.
///
/// ```compile_fail,E0382
/// # use tenancy_core::enforce::{Authorize, Step};
/// fn twice(authorize: Authorize<'_>) -> [Step<'_>; 2] {
///     [authorize.allow(), authorize.deny()]
/// }
/// ```
///
/// ```compile_fail,E0599
/// # use tenancy_core::enforce::{Lookup, Step};
/// fn skip(lookup: Lookup<'_>) -> Step<'_> {
///     lookup.allow()
/// }
/// ```
///
/// ```
/// # use tenancy_core::enforce::{Authorize, Step};
/// fn once(authorize: Authorize<'_>) -> Step<'_> {
///     authorize.allow()
/// }
/// ```
#[must_use = "an authorization that is not answered leaves the request undecided"]
pub struct Authorize<'r> {
    disclosure: Disclosure,
    resolver: &'r ResolverName,
    tenant: TenantHandle,
    claims: &'r dyn VerifiedClaims,
}

impl core::fmt::Debug for Authorize<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Authorize")
            .field("resolver", &self.resolver)
            .field("tenant", &self.tenant.id)
            .finish_non_exhaustive()
    }
}

impl<'r> Authorize<'r> {
    /// The tenant, which is active; or suspended, where staff of the platform may enter
    /// ([`Enforcer::with_staff_in_suspended_tenants`](crate::enforce::Enforcer::with_staff_in_suspended_tenants)) and the
    /// caller says to be staff. A suspended one is entered by [`allow_staff`](Self::allow_staff) alone.
    #[must_use]
    pub fn tenant(&self) -> &TenantRecord {
        &self.tenant
    }

    /// Which resolver named the tenant.
    #[must_use]
    pub const fn resolver(&self) -> &'r ResolverName {
        self.resolver
    }

    /// What the caller's credential says.
    #[must_use]
    pub const fn claims(&self) -> &'r dyn VerifiedClaims {
        self.claims
    }

    /// The caller is a member, in no roles.
    #[must_use]
    pub fn allow(self) -> Step<'r> {
        self.allow_in(Roles::none())
    }

    /// The caller is a member, in these roles.
    #[must_use]
    pub fn allow_in(self, roles: Roles) -> Step<'r> {
        self.decided(Decision::Allow(roles))
    }

    /// The caller is no member, and let in as staff of the platform.
    #[must_use]
    pub fn allow_staff(self) -> Step<'r> {
        self.decided(Decision::AllowStaff)
    }

    /// The caller is a stranger.
    #[must_use]
    pub fn deny(self) -> Step<'r> {
        self.decided(Decision::Deny)
    }

    /// What an authorizer says: one of the above.
    #[must_use]
    pub fn decided(self, decision: Decision) -> Step<'r> {
        match self.decide(decision) {
            Ok(outcome) => Step::Done(outcome),
            Err(rejection) => Step::Reject(rejection),
        }
    }

    pub(crate) fn decide(self, decision: Decision) -> Result<Outcome, Rejection> {
        let is_suspended = self.tenant.status == TenantStatus::Suspended;
        let caller = Caller::of(self.claims);
        let (standing, roles) = match decision {
            Decision::Allow(_) | Decision::Deny if is_suspended => {
                return Err(self.disclosure.rejection(Cause::SuspendedTenant));
            }
            Decision::Allow(roles) if caller.actor().is_some() => (Standing::Impersonation, roles),
            Decision::Allow(roles) => (Standing::Member, roles),
            Decision::AllowStaff => (Standing::PlatformStaff, Roles::none()),
            Decision::Deny => return Err(self.disclosure.rejection(Cause::NotAMember)),
        };
        let visit = Visit::new(self.tenant, self.resolver.clone());
        let admitted = Admitted::new(visit, caller, standing, roles);
        Ok(Outcome::Admitted(admitted))
    }

    /// The authorizer cannot tell.
    #[must_use]
    pub fn unavailable(self) -> Step<'r> {
        Step::Reject(Rejection::new(Cause::AuthorizerUnavailable))
    }
}

//! The beginning of enforcement: credentials, resolution, and what can be refused at once.

use super::access::Access;
use super::disclosure::Disclosure;
use super::steps::Lookup;
use crate::enforce::{Caller, Cause, Outcome, Rejection, Step};
use crate::names::{FieldName, TenantKey};
use crate::request::{Credentials, RequestView, VerifiedClaims};
use crate::resolve::{OtherIndices, ResolutionError, ResolverChain};

/// Decides about requests. It is pure: the same request always gets the same answer.
#[derive(Debug)]
pub struct Enforcer {
    chain: ResolverChain,
    disclosure: Disclosure,
    staff_enter_suspended: bool,
}

impl Enforcer {
    /// Enforces what the chain resolves. Refusals are uniform.
    #[must_use]
    pub const fn new(chain: ResolverChain) -> Self {
        Self {
            chain,
            disclosure: Disclosure::Uniform,
            staff_enter_suspended: false,
        }
    }

    /// Sets how much a refused caller learns. Default: [`Disclosure::Uniform`].
    #[must_use]
    pub fn with_disclosure(self, disclosure: Disclosure) -> Self {
        Self { disclosure, ..self }
    }

    /// Sets whether staff of the platform enter a suspended tenant, to see why it is suspended or to mend it. Default: no.
    ///
    /// An authorizer must let them in as staff ([`Decision::AllowStaff`](crate::directory::Decision::AllowStaff)): members
    /// stay out, also those who are staff elsewhere. An archived tenant, and one that is still being provisioned, are closed
    /// to staff too.
    #[must_use]
    #[doc(alias = "impersonation")]
    pub fn with_staff_in_suspended_tenants(self, staff_enter_suspended: bool) -> Self {
        Self {
            staff_enter_suspended,
            ..self
        }
    }

    /// The resolvers.
    #[must_use]
    pub const fn chain(&self) -> &ResolverChain {
        &self.chain
    }

    /// Whether credentials are to be read at all on a route of this access. If they are not, an invalid
    /// credential does no harm.
    #[must_use]
    pub fn reads_credentials(&self, access: Access) -> bool {
        match access {
            Access::Authenticated | Access::Optional | Access::Scoped => true,
            Access::Public => self.chain.reads_claims(),
        }
    }

    /// Whether resolvers run at all on a route of this access. Where they do not, a malformed source does no harm, and
    /// their fields are not part of `Vary`.
    #[must_use]
    pub const fn resolves(&self, access: Access) -> bool {
        match access {
            Access::Authenticated => false,
            Access::Optional | Access::Public | Access::Scoped => true,
        }
    }

    /// Who sends a request on a route of this access, if their credential was verified. On a public route credentials name
    /// tenants at most, and there is no caller.
    #[must_use]
    pub fn caller(&self, request: &RequestView<'_>, access: Access) -> Option<Caller> {
        match (access, request.credentials) {
            (Access::Authenticated | Access::Optional | Access::Scoped, Credentials::Verified(claims)) => {
                Some(Caller::of(claims))
            }
            _ => None,
        }
    }

    /// Calls `visit` with each field that a configured resolver may read. With the credential's own
    /// field (where [`reads_credentials`](Self::reads_credentials) says so) they make up `Vary`
    /// (RFC 9110 §12.5.5). `Host` is not among them: every cache keys on it.
    pub fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        self.chain.each_field(visit);
    }

    /// Takes up a request. The key that the request names is written into `key_slot` and stays there, since a key is large
    /// to move. Whatever the slot holds before is dropped.
    #[must_use]
    pub fn begin<'r>(
        &'r self,
        request: &'r RequestView<'r>,
        access: Access,
        key_slot: &'r mut Option<TenantKey>,
    ) -> Step<'r> {
        let claims = match request.credentials {
            _ if !self.reads_credentials(access) => None,
            Credentials::Absent => None,
            Credentials::Verified(claims) => Some(claims),
            Credentials::Malformed => return Step::Reject(Rejection::new(Cause::AmbiguousCredentials)),
            Credentials::Invalid => return Step::Reject(Rejection::new(Cause::InvalidCredentials)),
        };
        // A key that is in the slot already is another request's.
        *key_slot = None;
        if !self.resolves(access) {
            return match claims {
                Some(claims) => Step::Done(Outcome::Authenticated(Caller::of(claims))),
                None => Step::Reject(Rejection::new(Cause::NoCredentials)),
            };
        }
        let named = match self.chain.resolve(request, key_slot) {
            Ok(named) => named,
            Err(ResolutionError::Malformed(malformed)) => return Step::Reject(Rejection::new(malformed.cause())),
            Err(ResolutionError::Conflict) => return Step::Reject(Rejection::new(Cause::ConflictingKeys)),
        };
        let (Some(named), Some(key)) = (named, key_slot) else {
            return match access {
                Access::Authenticated | Access::Scoped => Step::Reject(Rejection::new(Cause::NoTenantNamed)),
                Access::Optional => Step::Done(Outcome::NoTenant),
                Access::Public => Step::Reject(Rejection::not_found(Cause::NoTenantNamed)),
            };
        };
        if claims.is_none() && access != Access::Public {
            return Step::Reject(Rejection::new(Cause::NoCredentials));
        }
        Step::Lookup(Lookup {
            access,
            disclosure: self.disclosure,
            staff_enter_suspended: self.staff_enter_suspended,
            resolver: named.resolver,
            key,
            is_one_of_many: !named.others.is_empty(),
            others: named.others,
            found: None,
            claims,
            chain: &self.chain,
            request: Some(request),
        })
    }

    /// Takes up a request that was bound a while ago, to decide whether it may go on. No resolver runs: the tenant is looked
    /// up by its id, and a member's claims are those that were verified then. A request without a tenant goes on.
    ///
    /// What the steps end in is compared with what was bound by
    /// [`Outcome::confirms`](crate::enforce::Outcome::confirms).
    ///
    /// # Security
    ///
    /// The credential is not verified again. Whether it has expired is for the caller to find out, by
    /// [`VerifiedClaims::expires_at`].
    #[must_use]
    pub fn begin_again<'r>(
        &'r self,
        bound: &'r Outcome,
        claims: Option<&'r dyn VerifiedClaims>,
        key_slot: &'r mut Option<TenantKey>,
    ) -> Step<'r> {
        let (visit, access) = match bound {
            Outcome::Admitted(admitted) => (&**admitted, Access::Scoped),
            Outcome::Visit(visit) => (visit, Access::Public),
            Outcome::NoTenant | Outcome::Authenticated(_) => return Step::Done(bound.clone()),
        };
        Step::Lookup(Lookup {
            access,
            disclosure: self.disclosure,
            staff_enter_suspended: self.staff_enter_suspended,
            resolver: visit.resolver(),
            key: key_slot.insert(TenantKey::Id(visit.id().clone())),
            is_one_of_many: false,
            others: OtherIndices::new(),
            found: None,
            claims: claims.filter(|_| access != Access::Public),
            chain: &self.chain,
            request: None,
        })
    }
}

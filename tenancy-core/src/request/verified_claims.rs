//! What a verified credential says of its holder.

use crate::directory::{Roles, TenantRecord};
use crate::names::{Issuer, Subject, TenantKey};
use crate::request::{Actor, IssuerTenants, SharedPayload};

/// The claims of a credential that has been verified, already parsed.
///
/// Implement it for your own session type to use tenancy with your own authentication.
#[doc(alias = "JWT claims")]
pub trait VerifiedClaims: Send + Sync {
    /// Who the caller is.
    fn subject(&self) -> &Subject;

    /// The tenant that the credential was issued for, where it names one.
    fn tenant(&self) -> Option<&TenantKey>;

    /// Whether the credential lists `tenant` among several.
    fn lists(&self, tenant: &TenantRecord) -> bool;

    /// Who issued the credential: the `iss` of a token. Default: unknown.
    ///
    /// A subject means something only together with its issuer.
    fn issuer(&self) -> Option<&str> {
        None
    }

    /// The same issuer in its shared form, for [`Admitted::issuer`](crate::enforce::Admitted::issuer). The default copies
    /// [`issuer`](Self::issuer) on the heap where there is an allocator (feature `std`), and is unknown elsewhere; claims
    /// that hold their issuer in this form share it.
    fn issuer_handle(&self) -> Option<Issuer> {
        #[cfg(feature = "std")]
        return self.issuer().map(|issuer| std::sync::Arc::<str>::from(issuer).into());
        #[cfg(not(feature = "std"))]
        None
    }

    /// The subject's roles in the [`tenant`](Self::tenant) that the credential was issued for. Default: none.
    fn roles(&self) -> Roles {
        Roles::none()
    }

    /// Whether the credential names its holder as staff of the platform. Default: no.
    #[doc(alias = "impersonation")]
    #[doc(alias = "superuser")]
    fn is_platform_staff(&self) -> bool {
        false
    }

    /// Who acts in the subject's place, where the credential says that somebody does: the claim `act`. Default: nobody.
    ///
    /// # Security
    ///
    /// Claims that wrap others must hand this on: a caller without it writes.
    #[doc(alias = "act")]
    #[doc(alias = "impersonation")]
    fn actor(&self) -> Option<&Actor> {
        None
    }

    /// From when on the credential is not accepted any more, in seconds since 1970, with whatever leeway its verification
    /// grants. Default: unknown, or never.
    ///
    /// Requests are not refused by this: verifying the credential has decided on them. It is for connections that outlast
    /// the decision, which end then.
    #[doc(alias = "exp")]
    fn expires_at(&self) -> Option<u64> {
        None
    }

    /// The tenants that the issuer of the credential may speak for, if it is bound to some. Default: it is bound to none,
    /// and may speak for all.
    fn issuer_tenants(&self) -> Option<IssuerTenants> {
        None
    }

    /// Whether the issuer of the credential may speak for `tenant`. Default: by
    /// [`issuer_tenants`](Self::issuer_tenants).
    ///
    /// Where it may not, the caller is a stranger there, whatever an authorizer would say.
    ///
    /// # Security
    ///
    /// A type that answers this by a rule of its own must give the same tenants as its `issuer_tenants`: that is what
    /// outlives the credential.
    fn may_speak_for(&self, tenant: &TenantRecord) -> bool {
        self.issuer_tenants().is_none_or(|bound| bound.include(tenant))
    }

    /// What the credential says beside all this, in a type of the application; handlers extract it. Default: nothing.
    #[doc(alias = "custom claims")]
    fn payload(&self) -> Option<&SharedPayload> {
        None
    }

    /// Whether the credential names `tenant`, as its one or among several.
    fn names(&self, tenant: &TenantRecord) -> bool {
        self.tenant().is_some_and(|key| tenant.answers_to(key)) || self.lists(tenant)
    }
}

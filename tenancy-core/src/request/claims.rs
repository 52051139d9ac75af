//! What a verified credential says of its holder.

use heapless::{String, Vec};

use crate::directory::{Roles, TenantRecord};
use crate::names::{Issuer, ParseError, ParseProblem, Subject, TenantKey};
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

/// Claims that own what they say. Two are equal if they say the same of their holder, whenever their credentials expire.
#[cfg(feature = "std")]
#[derive(Clone, Debug)]
pub struct Claims {
    subject: Subject,
    tenant: Option<TenantKey>,
    tenants: std::vec::Vec<TenantKey>,
    /// The tenants that the issuer may speak for, where it is bound to some.
    issuer_tenants: Option<IssuerTenants>,
    issuer: Option<Issuer>,
    roles: Roles,
    is_platform_staff: bool,
    actor: Option<Actor>,
    expires_at: Option<u64>,
    payload: Option<SharedPayload>,
}

#[cfg(feature = "std")]
impl Claims {
    /// Claims that name a subject and no tenant.
    #[must_use]
    pub const fn new(subject: Subject) -> Self {
        Self {
            subject,
            tenant: None,
            tenants: std::vec::Vec::new(),
            issuer_tenants: None,
            issuer: None,
            roles: Roles::none(),
            is_platform_staff: false,
            actor: None,
            expires_at: None,
            payload: None,
        }
    }

    /// Claims that say of `tenant` what `claims` say, to outlive these. Of the other tenants that they list they say nothing.
    #[must_use]
    pub fn copied_for(tenant: &TenantRecord, claims: &dyn VerifiedClaims) -> Self {
        let listed = claims.names(tenant).then(|| TenantKey::Id(tenant.id.clone()));
        Self {
            subject: claims.subject().clone(),
            tenant: claims.tenant().cloned(),
            tenants: listed.into_iter().collect(),
            issuer_tenants: claims.issuer_tenants(),
            issuer: claims.issuer_handle(),
            roles: claims.roles(),
            is_platform_staff: claims.is_platform_staff(),
            actor: claims.actor().cloned(),
            expires_at: claims.expires_at(),
            payload: claims.payload().cloned(),
        }
    }

    /// Adds what else the credential says, in a type of the application.
    #[must_use]
    pub fn with_payload(self, payload: SharedPayload) -> Self {
        Self {
            payload: Some(payload),
            ..self
        }
    }

    /// Says who issued the credential.
    #[must_use]
    pub fn with_issuer(self, issuer: impl Into<std::sync::Arc<str>>) -> Self {
        Self {
            issuer: Some(Issuer::from(issuer.into())),
            ..self
        }
    }

    /// Sets the subject's roles in the tenant that the credential was issued for.
    #[must_use]
    pub fn with_roles(self, roles: Roles) -> Self {
        Self { roles, ..self }
    }

    /// Names the holder as staff of the platform.
    ///
    /// # Security
    ///
    /// Where the bypass for staff is on, this opens every tenant.
    #[must_use]
    pub fn with_platform_staff(self, is_platform_staff: bool) -> Self {
        Self {
            is_platform_staff,
            ..self
        }
    }

    /// Says who acts in the subject's place.
    #[must_use]
    pub fn with_actor(self, actor: Actor) -> Self {
        Self {
            actor: Some(actor),
            ..self
        }
    }

    /// Says from when on the credential is not accepted any more, in seconds since 1970.
    #[must_use]
    pub fn with_expiry(self, expires_at: u64) -> Self {
        Self {
            expires_at: Some(expires_at),
            ..self
        }
    }

    /// Names the tenant that the credential was issued for.
    #[must_use]
    pub fn with_tenant(self, tenant: TenantKey) -> Self {
        Self {
            tenant: Some(tenant),
            ..self
        }
    }

    /// Binds the credential to the tenants that its issuer may speak for.
    #[must_use]
    pub fn with_issuer_tenants(self, tenants: std::sync::Arc<[TenantKey]>) -> Self {
        Self {
            issuer_tenants: Some(tenants.into()),
            ..self
        }
    }

    /// Lists the tenants that the subject belongs to.
    #[must_use]
    pub fn with_tenants(self, tenants: impl IntoIterator<Item = TenantKey>) -> Self {
        Self {
            tenants: tenants.into_iter().collect(),
            ..self
        }
    }
}

#[cfg(feature = "std")]
impl PartialEq for Claims {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            subject,
            tenant,
            tenants,
            issuer_tenants,
            issuer,
            roles,
            is_platform_staff,
            actor,
            expires_at: _,
            payload,
        } = self;
        *subject == other.subject
            && *tenant == other.tenant
            && *tenants == other.tenants
            && *issuer_tenants == other.issuer_tenants
            && *issuer == other.issuer
            && *roles == other.roles
            && *is_platform_staff == other.is_platform_staff
            && *actor == other.actor
            && *payload == other.payload
    }
}

#[cfg(feature = "std")]
impl Eq for Claims {}

#[cfg(feature = "std")]
impl VerifiedClaims for Claims {
    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn tenant(&self) -> Option<&TenantKey> {
        self.tenant.as_ref()
    }

    fn lists(&self, tenant: &TenantRecord) -> bool {
        self.tenants.iter().any(|key| tenant.answers_to(key))
    }

    fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    fn issuer_handle(&self) -> Option<Issuer> {
        self.issuer.clone()
    }

    fn roles(&self) -> Roles {
        self.roles.clone()
    }

    fn is_platform_staff(&self) -> bool {
        self.is_platform_staff
    }

    fn actor(&self) -> Option<&Actor> {
        self.actor.as_ref()
    }

    fn expires_at(&self) -> Option<u64> {
        self.expires_at
    }

    fn issuer_tenants(&self) -> Option<IssuerTenants> {
        self.issuer_tenants.clone()
    }

    fn payload(&self) -> Option<&SharedPayload> {
        self.payload.as_ref()
    }

    fn may_speak_for(&self, tenant: &TenantRecord) -> bool {
        // As the default does, without counting a reference.
        self.issuer_tenants.as_ref().is_none_or(|bound| bound.include(tenant))
    }
}

/// Where a claim stands in a token's payload: one literal name, or names that nest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<String<128, u8>, 4, u8>);

impl ClaimPath {
    /// A claim of the payload itself. Dots, slashes and colons are part of the name:
    /// `https://example.com/tenant` is one claim.
    ///
    /// # Errors
    ///
    /// An empty name, or one over 128 bytes.
    pub fn literal(name: &str) -> Result<Self, ParseError> {
        Self::nested([name])
    }

    /// A claim inside objects: `["org", "tenant"]` is the member `tenant` of the claim `org`.
    ///
    /// # Errors
    ///
    /// No name, more than four, an empty one, or one over 128 bytes.
    #[doc(alias = "nested claim")]
    pub fn nested<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, ParseError> {
        let refuse = |problem| ParseError::new("a claim's path", "one to four names of 1 to 128 bytes", problem);
        let mut path = Vec::new();
        for name in names {
            if name.is_empty() {
                return Err(refuse(ParseProblem::Empty));
            }
            let name = String::try_from(name).map_err(|_| refuse(ParseProblem::TooLong))?;
            path.push(name).map_err(|_| refuse(ParseProblem::TooLong))?;
        }
        if path.is_empty() {
            Err(refuse(ParseProblem::Empty))
        } else {
            Ok(Self(path))
        }
    }

    /// The names, outermost first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

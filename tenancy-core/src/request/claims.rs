//! Claims that own what they say.

use crate::directory::{Roles, TenantRecord};
use crate::names::{Issuer, Subject, TenantKey};
use crate::request::{Actor, IssuerTenants, SharedPayload, VerifiedClaims};

/// Claims that own what they say. Two are equal if they say the same of their holder, whenever their credentials expire.
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

impl Eq for Claims {}

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

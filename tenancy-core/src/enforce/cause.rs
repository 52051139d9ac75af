//! Why a request was refused.

/// Why a request was refused, for the operator. The client sees less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// No resolver found a tenant, and the route needs one.
    NoTenantNamed,
    /// A tenant is named or a caller is required, and the request has no credentials.
    NoCredentials,
    /// Several credentials, of which none may be chosen.
    AmbiguousCredentials,
    /// A credential that is not valid.
    InvalidCredentials,
    /// The credential by which a connection was admitted has expired since.
    ExpiredCredentials,
    /// A source of the tenant's name is malformed or repeated, such as a duplicate header.
    MalformedTenant,
    /// The authority is malformed, repeated, missing or contradicted.
    MalformedHost,
    /// Two sources name two tenants in one form.
    ConflictingKeys,
    /// Sources of different forms are not answered by one tenant.
    ConflictingRecords,
    /// The directory knows no such tenant.
    UnknownTenant,
    /// The tenant is suspended.
    SuspendedTenant,
    /// The tenant is archived.
    ArchivedTenant,
    /// The tenant is still being provisioned.
    ProvisioningTenant,
    /// The caller is no member of the tenant.
    NotAMember,
    /// The member has lost a role by which a connection was admitted.
    RolesNarrowed,
    /// The tenant's data has moved since a connection was admitted: a new one finds it at its new place.
    TenantMoved,
    /// The tenant's data is behind the version that the service needs, since its migrations have not run.
    TenantBehind,
    /// An inner layer resolved another tenant than the one outside it.
    TenantReplaced,
    /// An inner layer verified another caller than the one outside it.
    CallerReplaced,
    /// Verifying the caller's credentials failed, since what that needs is not available.
    AuthenticatorUnavailable,
    /// Querying the directory failed.
    DirectoryUnavailable,
    /// The directory answered with a tenant that does not have the name that was looked up.
    DirectoryAnsweredAnotherTenant,
    /// Querying the authorizer failed.
    AuthorizerUnavailable,
    /// Authenticator, directory and authorizer together took too long.
    TimedOut,
    /// The tenant has begun too many requests lately.
    RateLimited,
    /// The tenant has too many requests under way.
    TooManyRequestsUnderWay,
    /// A handler needs a tenant, and its route is under no layer that binds one.
    NoLayer,
    /// A route under an access policy has answered without a decision.
    NotEnforced,
    /// A handler needs a tenant, and the adapter has not seen the request.
    NotFollowed,
    /// A handler needs a member's tenant, and its layer binds visits only.
    VisitOnly,
    /// A handler needs a tenant, and its layer verifies the caller only.
    CallerOnly,
    /// A handler needs the caller, and its route is under no layer that verifies one.
    NoCaller,
    /// A handler needs the payload of the caller's credential in a type in which no authenticator supplies it.
    NoPayload,
}

impl Cause {
    /// The cause in words, for the operator's log.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::NoTenantNamed => "no resolver found a tenant",
            Self::NoCredentials => "the request has no credentials, which its tenant or its route requires",
            Self::AmbiguousCredentials => "the request has several credentials",
            Self::InvalidCredentials => "the credential is not valid",
            Self::ExpiredCredentials => "the credential has expired since the connection was admitted",
            Self::MalformedTenant => "a source of the tenant is malformed or repeated",
            Self::MalformedHost => "the authority is malformed, repeated or missing",
            Self::ConflictingKeys => "two sources name two tenants",
            Self::ConflictingRecords => "sources of different forms are not answered by one tenant",
            Self::UnknownTenant => "the directory knows no such tenant",
            Self::SuspendedTenant => "the tenant is suspended",
            Self::ArchivedTenant => "the tenant is archived",
            Self::ProvisioningTenant => "the tenant is still being provisioned",
            Self::NotAMember => "the caller is not a member of the tenant",
            Self::RolesNarrowed => "the member has lost a role since the connection was admitted",
            Self::TenantMoved => "the tenant's data has moved since the connection was admitted",
            Self::TenantBehind => "the tenant's data is behind the version that the service needs",
            Self::TenantReplaced => "an inner layer resolved another tenant than the outer one",
            Self::CallerReplaced => "an inner layer verified another caller than the outer one",
            Self::AuthenticatorUnavailable => "failed to verify the credentials",
            Self::DirectoryUnavailable => "failed to query the directory",
            Self::DirectoryAnsweredAnotherTenant => {
                "the directory answered with another tenant than the one that was looked up"
            }
            Self::AuthorizerUnavailable => "failed to query the authorizer",
            Self::TimedOut => "authenticator, directory and authorizer took too long",
            Self::RateLimited => "the tenant has begun too many requests lately",
            Self::TooManyRequestsUnderWay => "the tenant has too many requests under way",
            Self::NoLayer => {
                "a tenant was requested on a route under no tenancy layer: put `scoped()`, `optional()` or `public()` around the route"
            }
            Self::NotEnforced => {
                "a route under an access policy answered without a decision: extract the tenant before the handler"
            }
            Self::NotFollowed => {
                "a tenant was requested on a request that is not followed: serve the routes with the adapter's own service"
            }
            Self::VisitOnly => {
                "a member's tenant was requested on a public route: put `scoped()` around the route, or extract the visit"
            }
            Self::CallerOnly => {
                "a tenant was requested on a route under `authenticated()`, which names none: put `scoped()` or `optional()` around the route, or extract the caller"
            }
            Self::NoCaller => {
                "a caller was requested on a route under no layer that verifies one: put `authenticated()`, `scoped()` or `optional()` around the route"
            }
            Self::NoPayload => {
                "the payload of the caller's credential was requested in a type that no authenticator supplies: call `with_payload` with the same type where the verifier is built"
            }
        }
    }
}

//! Refusals: one mapping from what went wrong to what the client sees.

use core::fmt;
use core::time::Duration;

/// A refused request: what the client sees, and what the operator may know.
///
/// Everything that reaches the client ([`status`](Self::status), [`code`](Self::code),
/// [`body`](Self::body), [`www_authenticate`](Self::www_authenticate)) is constant text. `Display`
/// and [`cause`](Self::cause) are for the operator's log; they hold no input either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    answer: Answer,
    cause: Cause,
}

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    MalformedCredentials,
    MalformedTenant,
    MalformedHost,
    ConflictingTenants,
    InvalidToken,
    TenantRequired,
    CredentialsRequired,
    Forbidden,
    TenantSuspended,
    TenantNotReady,
    NotAMember,
    NotFound,
    UnknownTenant,
    RateLimited {
        /// In seconds.
        retry_after: u16,
    },
    TooManyRequestsUnderWay,
    Internal,
    Unavailable,
}

impl Rejection {
    /// The uniform answer to a cause.
    #[must_use]
    pub const fn new(cause: Cause) -> Self {
        let answer = match cause {
            Cause::NoTenantNamed => Answer::TenantRequired,
            Cause::NoCredentials => Answer::CredentialsRequired,
            Cause::AmbiguousCredentials => Answer::MalformedCredentials,
            Cause::InvalidCredentials => Answer::InvalidToken,
            Cause::MalformedTenant => Answer::MalformedTenant,
            Cause::MalformedHost => Answer::MalformedHost,
            Cause::ConflictingKeys => Answer::ConflictingTenants,
            Cause::ConflictingRecords
            | Cause::UnknownTenant
            | Cause::SuspendedTenant
            | Cause::ArchivedTenant
            | Cause::ProvisioningTenant
            | Cause::NotAMember
            | Cause::TenantReplaced
            | Cause::CallerReplaced => Answer::Forbidden,
            Cause::AuthenticatorUnavailable
            | Cause::DirectoryUnavailable
            | Cause::DirectoryAnsweredAnotherTenant
            | Cause::AuthorizerUnavailable
            | Cause::TimedOut => Answer::Unavailable,
            Cause::RateLimited => Answer::RateLimited { retry_after: 1 },
            Cause::TooManyRequestsUnderWay => Answer::TooManyRequestsUnderWay,
            Cause::NoLayer
            | Cause::NotEnforced
            | Cause::NotFollowed
            | Cause::VisitOnly
            | Cause::CallerOnly
            | Cause::NoCaller
            | Cause::NoPayload => Answer::Internal,
        };
        Self { answer, cause }
    }

    /// The answer that distinguishes the reasons for a 403.
    pub(crate) const fn detailed(cause: Cause) -> Self {
        let answer = match cause {
            Cause::UnknownTenant | Cause::ArchivedTenant => Answer::UnknownTenant,
            Cause::SuspendedTenant => Answer::TenantSuspended,
            Cause::ProvisioningTenant => Answer::TenantNotReady,
            Cause::NotAMember => Answer::NotAMember,
            _ => return Self::new(cause),
        };
        Self { answer, cause }
    }

    /// The one answer of a public route to every tenant that is not there for visitors.
    pub(crate) const fn not_found(cause: Cause) -> Self {
        Self {
            answer: Answer::NotFound,
            cause,
        }
    }

    /// The answer to a tenant that has begun too many requests, where the next may begin after this time. In the answer it is
    /// whole seconds, rounded up.
    #[must_use]
    pub const fn rate_limited(retry_after: Duration) -> Self {
        let seconds = retry_after
            .as_secs()
            .saturating_add((retry_after.subsec_nanos() > 0) as u64);
        let retry_after = match seconds {
            0 => 1,
            1..0xffff => seconds as u16,
            _ => u16::MAX,
        };
        Self {
            answer: Answer::RateLimited { retry_after },
            cause: Cause::RateLimited,
        }
    }

    /// Why, for the operator.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        self.cause
    }

    /// The HTTP status (RFC 9110 §15, RFC 6585 §4).
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.answer {
            Answer::MalformedCredentials
            | Answer::MalformedTenant
            | Answer::MalformedHost
            | Answer::ConflictingTenants => 400,
            Answer::InvalidToken | Answer::TenantRequired | Answer::CredentialsRequired => 401,
            Answer::Forbidden | Answer::TenantSuspended | Answer::TenantNotReady | Answer::NotAMember => 403,
            Answer::NotFound | Answer::UnknownTenant => 404,
            // RFC 6585 §4.
            Answer::RateLimited { .. } | Answer::TooManyRequestsUnderWay => 429,
            Answer::Internal => 500,
            Answer::Unavailable => 503,
        }
    }

    /// The status of the same refusal in gRPC, which follows from the HTTP status.
    #[must_use]
    #[doc(alias = "grpc-status")]
    pub const fn grpc_status(&self) -> u8 {
        match self.status() {
            400 => 3,
            401 => 16,
            403 => 7,
            404 => 5,
            429 => 8,
            500 => 13,
            503 => 14,
            _ => 2,
        }
    }

    /// The stable name of the refusal, for clients. It consists of lower-case letters and underscores.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.answer {
            Answer::MalformedCredentials => "malformed_credentials",
            Answer::MalformedTenant => "malformed_tenant",
            Answer::MalformedHost => "malformed_host",
            Answer::ConflictingTenants => "conflicting_tenants",
            Answer::InvalidToken => "invalid_token",
            Answer::TenantRequired => "tenant_required",
            Answer::CredentialsRequired => "credentials_required",
            Answer::Forbidden => "forbidden",
            Answer::TenantSuspended => "tenant_suspended",
            Answer::TenantNotReady => "tenant_not_ready",
            Answer::NotAMember => "not_a_member",
            Answer::NotFound => "not_found",
            Answer::UnknownTenant => "unknown_tenant",
            Answer::RateLimited { .. } => "rate_limited",
            Answer::TooManyRequestsUnderWay => "too_many_requests_under_way",
            Answer::Internal => "internal",
            Answer::Unavailable => "unavailable",
        }
    }

    /// The body: a problem document (RFC 9457) as JSON text, of media type
    /// `application/problem+json`.
    #[must_use]
    #[doc(alias = "problem+json")]
    #[doc(alias = "RFC 9457")]
    pub const fn body(&self) -> &'static str {
        macro_rules! problem {
            ($status:literal, $title:literal, $code:literal) => {
                concat!(
                    r#"{"type":"about:blank","title":""#,
                    $title,
                    r#"","status":"#,
                    $status,
                    r#","code":""#,
                    $code,
                    r#""}"#
                )
            };
        }
        match self.answer {
            Answer::MalformedCredentials => problem!(400, "Bad Request", "malformed_credentials"),
            Answer::MalformedTenant => problem!(400, "Bad Request", "malformed_tenant"),
            Answer::MalformedHost => problem!(400, "Bad Request", "malformed_host"),
            Answer::ConflictingTenants => problem!(400, "Bad Request", "conflicting_tenants"),
            Answer::InvalidToken => problem!(401, "Unauthorized", "invalid_token"),
            Answer::TenantRequired => problem!(401, "Unauthorized", "tenant_required"),
            Answer::CredentialsRequired => problem!(401, "Unauthorized", "credentials_required"),
            Answer::Forbidden => problem!(403, "Forbidden", "forbidden"),
            Answer::TenantSuspended => problem!(403, "Forbidden", "tenant_suspended"),
            Answer::TenantNotReady => problem!(403, "Forbidden", "tenant_not_ready"),
            Answer::NotAMember => problem!(403, "Forbidden", "not_a_member"),
            Answer::NotFound => problem!(404, "Not Found", "not_found"),
            Answer::UnknownTenant => problem!(404, "Not Found", "unknown_tenant"),
            Answer::RateLimited { .. } => problem!(429, "Too Many Requests", "rate_limited"),
            Answer::TooManyRequestsUnderWay => problem!(429, "Too Many Requests", "too_many_requests_under_way"),
            Answer::Internal => problem!(500, "Internal Server Error", "internal"),
            Answer::Unavailable => problem!(503, "Service Unavailable", "unavailable"),
        }
    }

    /// The challenge that goes with a 401 (RFC 9110 §11.6.1, RFC 6750 §3).
    #[must_use]
    pub const fn www_authenticate(&self) -> Option<&'static str> {
        match self.answer {
            Answer::InvalidToken => Some(r#"Bearer error="invalid_token""#),
            Answer::TenantRequired | Answer::CredentialsRequired => Some("Bearer"),
            _ => None,
        }
    }

    /// After how many seconds a client may try again, where trying again can help (RFC 9110 §10.2.3).
    #[must_use]
    #[doc(alias = "Retry-After")]
    pub const fn retry_after(&self) -> Option<u32> {
        match self.answer {
            Answer::Unavailable | Answer::TooManyRequestsUnderWay => Some(1),
            Answer::RateLimited { retry_after } => Some(retry_after as u32),
            _ => None,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.cause {
            Cause::NoTenantNamed => "no resolver found a tenant",
            Cause::NoCredentials => "the request has no credentials, which its tenant or its route requires",
            Cause::AmbiguousCredentials => "the request has several credentials",
            Cause::InvalidCredentials => "the credential is not valid",
            Cause::MalformedTenant => "a source of the tenant is malformed or repeated",
            Cause::MalformedHost => "the authority is malformed, repeated or missing",
            Cause::ConflictingKeys => "two sources name two tenants",
            Cause::ConflictingRecords => "sources of different forms are not answered by one tenant",
            Cause::UnknownTenant => "the directory knows no such tenant",
            Cause::SuspendedTenant => "the tenant is suspended",
            Cause::ArchivedTenant => "the tenant is archived",
            Cause::ProvisioningTenant => "the tenant is still being provisioned",
            Cause::NotAMember => "the caller is not a member of the tenant",
            Cause::TenantReplaced => "an inner layer resolved another tenant than the outer one",
            Cause::CallerReplaced => "an inner layer verified another caller than the outer one",
            Cause::AuthenticatorUnavailable => "failed to verify the credentials",
            Cause::DirectoryUnavailable => "failed to query the directory",
            Cause::DirectoryAnsweredAnotherTenant => "the directory answered with another tenant than the one that was looked up",
            Cause::AuthorizerUnavailable => "failed to query the authorizer",
            Cause::TimedOut => "authenticator, directory and authorizer took too long",
            Cause::RateLimited => "the tenant has begun too many requests lately",
            Cause::TooManyRequestsUnderWay => "the tenant has too many requests under way",
            Cause::NoLayer => "a tenant was requested on a route under no tenancy layer: put `scoped()`, `optional()` or `public()` around the route",
            Cause::NotEnforced => "a route under an access policy answered without a decision: extract the tenant before the handler",
            Cause::NotFollowed => "a tenant was requested on a request that is not followed: serve the routes with the adapter's own service",
            Cause::VisitOnly => "a member's tenant was requested on a public route: put `scoped()` around the route, or extract the visit",
            Cause::CallerOnly => "a tenant was requested on a route under `authenticated()`, which names none: put `scoped()` or `optional()` around the route, or extract the caller",
            Cause::NoCaller => "a caller was requested on a route under no layer that verifies one: put `authenticated()`, `scoped()` or `optional()` around the route",
            Cause::NoPayload => "the payload of the caller's credential was requested in a type that no authenticator supplies: call `with_payload` with the same type where the verifier is built",
        })
    }
}

impl core::error::Error for Rejection {}

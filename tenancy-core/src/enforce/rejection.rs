//! Refusals: one mapping from what went wrong to what the client sees.

use core::fmt;
use core::time::Duration;

use crate::enforce::Cause;

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
            Cause::InvalidCredentials | Cause::ExpiredCredentials => Answer::InvalidToken,
            Cause::MalformedTenant => Answer::MalformedTenant,
            Cause::MalformedHost => Answer::MalformedHost,
            Cause::ConflictingKeys => Answer::ConflictingTenants,
            Cause::ConflictingRecords
            | Cause::UnknownTenant
            | Cause::SuspendedTenant
            | Cause::ArchivedTenant
            | Cause::ProvisioningTenant
            | Cause::NotAMember
            | Cause::RolesNarrowed
            | Cause::TenantReplaced
            | Cause::CallerReplaced => Answer::Forbidden,
            Cause::AuthenticatorUnavailable
            | Cause::DirectoryUnavailable
            | Cause::DirectoryAnsweredAnotherTenant
            | Cause::AuthorizerUnavailable
            | Cause::TimedOut
            | Cause::TenantMoved
            | Cause::TenantBehind => Answer::Unavailable,
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
        f.write_str(self.cause.text())
    }
}

impl core::error::Error for Rejection {}

//! What a client is sent.

use tenancy_core::directory::{MemoryDirectory, MemoryEntry, TenantStatus};
use tenancy_core::enforce::{Access, Cause, Enforcer, Rejection, drive_now};
use tenancy_core::request::{Claims, Credentials, HeaderList};
use tenancy_core::resolve::{HeaderResolver, ResolverChain};

use super::{record, request};

#[test]
fn each_refusal_has_its_status_code_challenge_and_body() {
    let bearer = Some("Bearer");
    for (cause, status, title, code, challenge, retry) in [
        (
            Cause::NoTenantNamed,
            401,
            "Unauthorized",
            "tenant_required",
            bearer,
            None,
        ),
        (
            Cause::NoCredentials,
            401,
            "Unauthorized",
            "credentials_required",
            bearer,
            None,
        ),
        (
            Cause::InvalidCredentials,
            401,
            "Unauthorized",
            "invalid_token",
            Some(r#"Bearer error="invalid_token""#),
            None,
        ),
        (
            Cause::AmbiguousCredentials,
            400,
            "Bad Request",
            "malformed_credentials",
            None,
            None,
        ),
        (
            Cause::MalformedTenant,
            400,
            "Bad Request",
            "malformed_tenant",
            None,
            None,
        ),
        (Cause::MalformedHost, 400, "Bad Request", "malformed_host", None, None),
        (
            Cause::ConflictingKeys,
            400,
            "Bad Request",
            "conflicting_tenants",
            None,
            None,
        ),
        (Cause::NotAMember, 403, "Forbidden", "forbidden", None, None),
        (Cause::UnknownTenant, 403, "Forbidden", "forbidden", None, None),
        (Cause::TenantReplaced, 403, "Forbidden", "forbidden", None, None),
        (
            Cause::RateLimited,
            429,
            "Too Many Requests",
            "rate_limited",
            None,
            Some(1),
        ),
        (
            Cause::TooManyRequestsUnderWay,
            429,
            "Too Many Requests",
            "too_many_requests_under_way",
            None,
            Some(1),
        ),
        (Cause::NoLayer, 500, "Internal Server Error", "internal", None, None),
        (Cause::NotEnforced, 500, "Internal Server Error", "internal", None, None),
        (Cause::NotFollowed, 500, "Internal Server Error", "internal", None, None),
        (Cause::VisitOnly, 500, "Internal Server Error", "internal", None, None),
        (
            Cause::DirectoryUnavailable,
            503,
            "Service Unavailable",
            "unavailable",
            None,
            Some(1),
        ),
        (
            Cause::AuthorizerUnavailable,
            503,
            "Service Unavailable",
            "unavailable",
            None,
            Some(1),
        ),
        (
            Cause::TimedOut,
            503,
            "Service Unavailable",
            "unavailable",
            None,
            Some(1),
        ),
    ] {
        let rejection = Rejection::new(cause);
        assert_eq!(
            (rejection.cause(), rejection.status(), rejection.code()),
            (cause, status, code)
        );
        assert_eq!(
            (rejection.www_authenticate(), rejection.retry_after()),
            (challenge, retry),
            "{cause:?}"
        );
        let body = format!(r#"{{"type":"about:blank","title":"{title}","status":{status},"code":"{code}"}}"#);
        assert_eq!(rejection.body(), body);
        // For the operator's log: a sentence.
        assert!(rejection.to_string().contains(' '), "{cause:?}");
    }
    assert!(Rejection::new(Cause::NoLayer).to_string().contains("`scoped()`"));
}

#[test]
fn the_bodies_that_only_some_configurations_show() {
    let claims = Claims::new("eve".parse().unwrap());
    let directory = MemoryDirectory::new(
        [
            TenantStatus::Active,
            TenantStatus::Archived,
            TenantStatus::Suspended,
            TenantStatus::Provisioning,
        ]
        .map(|status| MemoryEntry::new(record(status.as_str()).with_status(status))),
    )
    .unwrap();
    let chain = || {
        ResolverChain::new()
            .then(HeaderResolver::new("x-tenant-id".parse().unwrap()))
            .unwrap()
    };
    let enforcer = Enforcer::new(chain()).with_disclosure(tenancy_core::enforce::Disclosure::Detailed);
    for (tenant, access, title, status, code) in [
        ("archived", Access::Scoped, "Not Found", 404, "unknown_tenant"),
        ("suspended", Access::Scoped, "Forbidden", 403, "tenant_suspended"),
        ("provisioning", Access::Scoped, "Forbidden", 403, "tenant_not_ready"),
        ("active", Access::Scoped, "Forbidden", 403, "not_a_member"),
        ("archived", Access::Public, "Not Found", 404, "not_found"),
    ] {
        let fields = [("x-tenant-id", tenant.as_bytes())];
        let headers = HeaderList::new(&fields);
        let (request, mut key) = (request(&headers, Credentials::Verified(&claims)), None);
        let step = enforcer.begin(&request, access, &mut key);
        let Ok(Err(rejection)) = drive_now(step, &directory, &directory) else {
            panic!("{tenant} is not refused")
        };
        let body = format!(r#"{{"type":"about:blank","title":"{title}","status":{status},"code":"{code}"}}"#);
        assert_eq!(rejection.body(), body);
        assert_eq!((rejection.www_authenticate(), rejection.retry_after()), (None, None));
    }
}

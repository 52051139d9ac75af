//! A public route under a chain that reads claims: verified claims name the tenant, and nobody becomes a member by them.
#![cfg(feature = "std")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::convert::Infallible;

use tenancy_core::directory::{Authorizer, Decision, MemoryDirectory, MemoryEntry, TenantRecord, TenantStatus};
use tenancy_core::enforce::{Access, Authorize, Enforcer, Outcome, drive_now};
use tenancy_core::names::{KeyForm, TenantKey};
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, Target};
use tenancy_core::resolve::{ClaimResolver, HeaderResolver, OnConflict, ResolverChain};

/// Fails the test that queries it: membership is no question on a public route.
struct NeverQueried;

impl Authorizer for NeverQueried {
    type Error = Infallible;

    async fn authorize(&self, question: &Authorize<'_>) -> Result<Decision, Infallible> {
        panic!("the authorizer is queried: {question:?}");
    }

    fn authorize_now(&self, question: &Authorize<'_>) -> Option<Decision> {
        panic!("the authorizer is queried: {question:?}");
    }
}

fn directory() -> MemoryDirectory {
    let record = |id: &str| TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap());
    let suspended = record("suspended").with_status(TenantStatus::Suspended);
    let records = [record("acme"), record("globex"), suspended];
    MemoryDirectory::new(records.map(MemoryEntry::new)).unwrap()
}

fn answer(enforcer: &Enforcer, claims: &Claims, header: Option<&str>) -> String {
    let field = header.map(|tenant| ("x-tenant-id", tenant.as_bytes()));
    let headers = HeaderList::new(field.as_slice());
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers: &headers,
        credentials: Credentials::Verified(claims),
    };
    let mut slot = None;
    let step = enforcer.begin(&request, Access::Public, &mut slot);
    match drive_now(step, &directory(), &NeverQueried).ok().unwrap() {
        Ok(Outcome::Visit(visit)) => format!("visit to {} by {}", visit.id(), visit.resolver()),
        Ok(outcome) => panic!("a public route ends in a visit: {outcome:?}"),
        Err(rejection) => format!("{} {}", rejection.status(), rejection.code()),
    }
}

#[test]
fn verified_claims_name_the_tenant_of_a_visit() {
    let chain = || {
        let header = HeaderResolver::new("x-tenant-id".parse().unwrap());
        let chain = ResolverChain::new().then(header).unwrap();
        chain.then(ClaimResolver).unwrap()
    };
    let first = Enforcer::new(chain());
    let reject = Enforcer::new(chain().with_on_conflict(OnConflict::Reject));
    let id = |id: &str| TenantKey::Id(id.parse().unwrap());
    let eve = || Claims::new("eve".parse().unwrap());
    let of = |tenant: &str| eve().with_tenant(id(tenant));
    let bound = of("acme").with_issuer_tenants([KeyForm::Id.parse(b"globex").unwrap()].into());
    for (enforcer, claims, header, expected) in [
        (&first, of("acme"), None, "visit to acme by jwt_claim"),
        // Neither the tenants of the caller nor those of the issuer bind a visit.
        (&first, of("acme"), Some("globex"), "visit to globex by header"),
        (
            &first,
            eve().with_tenants([id("acme")]),
            Some("acme"),
            "visit to acme by header",
        ),
        (&first, bound, None, "visit to acme by jwt_claim"),
        (
            &first,
            of("acme").with_platform_staff(true),
            None,
            "visit to acme by jwt_claim",
        ),
        // Staff and members alike see nothing of a tenant that is not active.
        (&first, of("suspended").with_platform_staff(true), None, "404 not_found"),
        (&first, of("unknown"), None, "404 not_found"),
        // A list names many, so it names none.
        (&first, eve().with_tenants([id("acme")]), None, "404 not_found"),
        (&reject, of("acme"), Some("globex"), "400 conflicting_tenants"),
        (&reject, of("acme"), Some("acme"), "visit to acme by header"),
    ] {
        assert_eq!(answer(enforcer, &claims, header), expected, "{claims:?} {header:?}");
    }
}

/// They name a tenant at most. Elsewhere the same credentials have a caller.
#[test]
fn the_claims_of_a_visit_are_no_caller() {
    let enforcer = Enforcer::new(ResolverChain::new().then(ClaimResolver).unwrap());
    let claims = Claims::new("eve".parse().unwrap()).with_issuer("https://issuer.example");
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers: &HeaderList::new(&[]),
        credentials: Credentials::Verified(&claims),
    };
    assert_eq!(enforcer.caller(&request, Access::Public), None);
    for access in [Access::Authenticated, Access::Optional, Access::Scoped] {
        let caller = enforcer.caller(&request, access).unwrap();
        assert_eq!(caller.subject().as_str(), "eve", "{access:?}");
        assert_eq!(
            caller.issuer().unwrap().as_str(),
            "https://issuer.example",
            "{access:?}"
        );
    }
    for credentials in [Credentials::Absent, Credentials::Malformed, Credentials::Invalid] {
        let request = RequestView { credentials, ..request };
        assert_eq!(
            enforcer.caller(&request, Access::Authenticated),
            None,
            "{credentials:?}"
        );
    }
}

//! Staff of the platform, and those who act in a member's place, for the tests on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use tenancy_core::directory::{Decision, TenantRecord};
use tenancy_core::enforce::{Access, Admitted, Enforcer, Outcome, Step};
use tenancy_core::names::Subject;
use tenancy_core::request::{Actor, Claims, Credentials, HeaderList, HttpVersion, RequestView, Target};
use tenancy_core::resolve::{HeaderResolver, ResolverChain};

/// Staff of the platform whom enforcement has let into this tenant.
pub(crate) fn let_in_as_staff(tenant: TenantRecord) -> Admitted {
    let claims = Claims::new(Subject::from_static("staff")).with_platform_staff(true);
    let_in(tenant, &claims, Decision::AllowStaff)
}

/// Somebody who acts in the place of the member `alice`.
pub(crate) fn let_in_to_act(tenant: TenantRecord, actor: Actor) -> Admitted {
    let claims = Claims::new(Subject::from_static("alice")).with_actor(actor);
    let_in(tenant, &claims, Decision::allow_if(true))
}

fn let_in(tenant: TenantRecord, claims: &Claims, decision: Decision) -> Admitted {
    let field = [("x-tenant-id", tenant.id.as_str().as_bytes())];
    let headers = HeaderList::new(&field);
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers: &headers,
        credentials: Credentials::Verified(claims),
    };
    let chain = ResolverChain::new().then(HeaderResolver::new("x-tenant-id".parse().unwrap()));
    let enforcer = Enforcer::new(chain.unwrap()).with_staff_in_suspended_tenants(true);
    let mut key = None;
    let Step::Lookup(lookup) = enforcer.begin(&request, Access::Scoped, &mut key) else {
        unreachable!("the request names a tenant")
    };
    let Step::Authorize(authorize) = lookup.found(&tenant) else {
        unreachable!("staff may enter")
    };
    match authorize.decided(decision) {
        Step::Done(Outcome::Admitted(admitted)) => admitted,
        step => unreachable!("{step:?}"),
    }
}

//! Each access policy with each tenant and each caller.

use tenancy_core::enforce::{Access, Admitted, Disclosure, Enforcer, Outcome, drive};
use tenancy_core::names::{KeyForm, TenantKey};
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, Target, VerifiedClaims};
use tenancy_core::resolve::ClaimResolver;

use super::{answer, chain, header};

#[test]
fn every_cell_of_the_table_of_access_policies() {
    use Access::{Optional, Public, Scoped};
    let every =
        ["acme", "globex", "provisioning", "suspended", "archived"].map(|id| TenantKey::Id(id.parse().unwrap()));
    let member = Claims::new("eve".parse().unwrap()).with_tenants(every);
    let stranger = Claims::new("mallory".parse().unwrap());
    let none = Credentials::Absent;
    let claims = |claims| Credentials::<&dyn VerifiedClaims>::Verified(claims);
    let (member, stranger) = (claims(&member), claims(&stranger));
    let enforcer = Enforcer::new(chain([header(KeyForm::Id).into()]));
    for (access, tenant, credentials, expected) in [
        (Scoped, None, none, "401 tenant_required"),
        (Scoped, None, member, "401 tenant_required"),
        (Scoped, Some("acme"), none, "401 credentials_required"),
        (Scoped, Some("acme"), stranger, "403 forbidden"),
        (Scoped, Some("unknown"), member, "403 forbidden"),
        (Scoped, Some("suspended"), member, "403 forbidden"),
        (Scoped, Some("archived"), member, "403 forbidden"),
        (Scoped, Some("provisioning"), member, "403 forbidden"),
        (Scoped, Some("acme"), member, "acme by header as eve"),
        (Optional, None, none, "no tenant"),
        (Optional, None, member, "no tenant"),
        (Optional, Some("acme"), none, "401 credentials_required"),
        (Optional, Some("acme"), stranger, "403 forbidden"),
        (Optional, Some("unknown"), member, "403 forbidden"),
        (Optional, Some("suspended"), member, "403 forbidden"),
        (Optional, Some("archived"), member, "403 forbidden"),
        (Optional, Some("provisioning"), member, "403 forbidden"),
        (Optional, Some("acme"), member, "acme by header as eve"),
        (Public, None, none, "404 not_found"),
        (Public, Some("acme"), none, "visit to acme by header"),
        (Public, Some("unknown"), none, "404 not_found"),
        (Public, Some("suspended"), member, "404 not_found"),
        (Public, Some("archived"), member, "404 not_found"),
        (Public, Some("provisioning"), member, "404 not_found"),
        (Public, Some("acme"), stranger, "visit to acme by header"),
        (Public, Some("acme"), member, "visit to acme by header"),
    ] {
        let field = tenant.map(|tenant: &str| ("X-Tenant-ID", tenant.as_bytes()));
        assert_eq!(
            answer(&enforcer, access, credentials, field.as_slice(), "/"),
            expected,
            "{access:?} {tenant:?} {credentials:?}"
        );
    }
}

#[test]
fn detailed_disclosure_tells_the_403s_apart_and_not_the_404s() {
    let every = ["acme", "provisioning", "suspended", "archived"].map(|id| TenantKey::Id(id.parse().unwrap()));
    let member = Claims::new("eve".parse().unwrap()).with_tenants(every);
    let credentials: Credentials<&dyn VerifiedClaims> = Credentials::Verified(&member);
    let enforcer = Enforcer::new(chain([header(KeyForm::Id).into()])).with_disclosure(Disclosure::Detailed);
    for (tenant, scoped) in [
        ("unknown", "404 unknown_tenant"),
        ("archived", "404 unknown_tenant"),
        ("suspended", "403 tenant_suspended"),
        ("provisioning", "403 tenant_not_ready"),
        ("globex", "403 not_a_member"),
        ("acme", "acme by header as eve"),
    ] {
        let fields = [("x-tenant-id", tenant.as_bytes())];
        assert_eq!(answer(&enforcer, Access::Scoped, credentials, &fields, "/"), scoped);
        if !matches!(tenant, "acme" | "globex") {
            assert_eq!(
                answer(&enforcer, Access::Public, credentials, &fields, "/"),
                "404 not_found"
            );
        }
    }
}

#[test]
fn credentials_are_judged_first_and_only_where_they_are_read() {
    use Access::{Optional, Public, Scoped};
    let without_claims = Enforcer::new(chain([header(KeyForm::Id).into()]));
    let with_claims = Enforcer::new(chain([header(KeyForm::Id).into(), ClaimResolver.into()]));
    let (good, bad) = (("x-tenant-id", b"acme".as_slice()), ("x-tenant-id", b"A".as_slice()));
    for (enforcer, access, credentials, field, expected) in [
        (&without_claims, Scoped, Credentials::Invalid, bad, "401 invalid_token"),
        (
            &without_claims,
            Scoped,
            Credentials::Malformed,
            bad,
            "400 malformed_credentials",
        ),
        (
            &without_claims,
            Optional,
            Credentials::Invalid,
            good,
            "401 invalid_token",
        ),
        (
            &without_claims,
            Public,
            Credentials::Invalid,
            good,
            "visit to acme by header",
        ),
        (
            &without_claims,
            Public,
            Credentials::Malformed,
            bad,
            "400 malformed_tenant",
        ),
        (&with_claims, Public, Credentials::Invalid, good, "401 invalid_token"),
        (
            &with_claims,
            Public,
            Credentials::Malformed,
            good,
            "400 malformed_credentials",
        ),
        (
            &with_claims,
            Public,
            Credentials::Absent,
            good,
            "visit to acme by header",
        ),
    ] {
        assert_eq!(
            answer(enforcer, access, credentials, &[field], "/"),
            expected,
            "{access:?} {credentials:?}"
        );
    }
}

#[test]
fn of_two_access_policies_the_narrower_holds() {
    let all = [Access::Public, Access::Optional, Access::Scoped];
    for (index, inner) in all.into_iter().enumerate() {
        for (other, outer) in all.into_iter().enumerate() {
            let narrower = if index > other { inner } else { outer };
            assert_eq!(inner.within(outer), narrower, "{inner:?} in {outer:?}");
        }
    }
}

#[test]
fn the_stub_admits_everyone_to_everything() {
    let enforcer = tenancy_core::testing::InsecureTestStub::enforcer();
    let claims = tenancy_core::testing::InsecureTestStub::claims();
    let fields = [("x-tenant-id", b"anything".as_slice())];
    let headers = HeaderList::new(&fields);
    let request = RequestView {
        version: HttpVersion::Http2,
        target: Target::Asterisk,
        headers: &headers,
        credentials: Credentials::Verified(&claims),
    };
    let stub = tenancy_core::testing::InsecureTestStub;
    let mut key = None;
    let walk = drive(enforcer.begin(&request, Access::Scoped, &mut key), &stub, &stub);
    let mut walk = std::pin::pin!(walk);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Ok(Outcome::Admitted(admitted))) = walk.as_mut().poll(&mut cx) else {
        panic!()
    };
    assert_eq!(
        (admitted.id().as_str(), admitted.subject().as_str()),
        ("anything", "insecure-test-stub")
    );
    let _: &Admitted = &admitted;
}

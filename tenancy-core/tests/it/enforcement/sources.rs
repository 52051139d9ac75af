//! Which source names the tenant, and what becomes of two.

use tenancy_core::enforce::{Access, Enforcer};
use tenancy_core::names::{KeyForm, TenantKey};
use tenancy_core::request::{Claims, Credentials, RequestView, VerifiedClaims};
use tenancy_core::resolve::{
    CookieResolver, DomainResolver, OnConflict, PathResolver, QueryResolver, Resolver, SubdomainResolver,
};

use super::{answer, chain, header};

#[test]
fn every_source_names_its_form() {
    let base = "app.example.com".parse::<tenancy_core::names::Domain>().unwrap();
    let all = || -> Vec<tenancy_core::resolve::AnyResolver> {
        vec![
            SubdomainResolver::new(base.clone()).into(),
            DomainResolver::new().with_base(base.clone()).into(),
            PathResolver::new("/api/{tenant}".parse().unwrap()).into(),
            QueryResolver::new("tenant".parse().unwrap()).into(),
            CookieResolver::new("tenant".parse().unwrap()).into(),
            header(KeyForm::External).into(),
        ]
    };
    let enforcer = Enforcer::new(chain(all()));
    let apex = ("Host", b"app.example.com".as_slice());
    for (fields, target, expected) in [
        (
            &[("Host", b"Rocket.App.Example.Com:443".as_slice())][..],
            "/",
            "visit to acme by subdomain",
        ),
        (&[("Host", b"acme.app.example.com")], "/", "404 not_found"),
        (
            &[("Host", b"www.app.example.com"), ("x-tenant-id", b"org_A")],
            "/",
            "visit to acme by header",
        ),
        (
            &[("Host", b"a.b.app.example.com"), ("x-tenant-id", b"org_A")],
            "/",
            "visit to acme by header",
        ),
        (&[("Host", b"evilapp.example.com")], "/", "404 not_found"),
        (&[("Host", b"-a.app.example.com")], "/", "400 malformed_tenant"),
        (&[("Host", b"a_b.app.example.com")], "/", "400 malformed_tenant"),
        (&[("Host", b"a..app.example.com")], "/", "400 malformed_host"),
        (&[], "/", "400 malformed_host"),
        (&[("Host", b"ACME.example.")], "/", "visit to acme by domain"),
        (
            &[("Host", b"127.0.0.1"), ("x-tenant-id", b"org_A")],
            "/",
            "visit to acme by header",
        ),
        (&[apex], "/api/rocket/x", "visit to acme by path"),
        (&[apex], "/x?a=1&tenant=rocket", "visit to acme by query"),
        (&[apex], "/x?tenant=rocket&tenant=rocket", "400 malformed_tenant"),
        (&[apex], "/x?tenant=rocket&%74enant=rocket", "400 malformed_tenant"),
        (&[apex], "/x?tenant=", "400 malformed_tenant"),
        (&[apex], "/x?tenant", "400 malformed_tenant"),
        (&[apex], "/x?tenant=ro%63ket", "visit to acme by query"),
        (&[apex], "/x?tenant=ro%2563ket", "400 malformed_tenant"),
        (&[apex], "/x?Tenant=rocket", "404 not_found"),
        (
            &[apex, ("Cookie", b"a=b; tenant=rocket")],
            "/",
            "visit to acme by cookie",
        ),
        (
            &[apex, ("Cookie", b"a=b"), ("cookie", b"tenant=rocket")],
            "/",
            "visit to acme by cookie",
        ),
        (
            &[apex, ("Cookie", b"tenant=rocket"), ("cookie", b"tenant=rocket")],
            "/",
            "400 malformed_tenant",
        ),
        (&[apex, ("Cookie", b"tenant=\"rocket\"")], "/", "400 malformed_tenant"),
        (&[apex, ("Cookie", b"tenant=")], "/", "400 malformed_tenant"),
        (&[apex, ("X-Tenant-Id", b"\torg_A ")], "/", "visit to acme by header"),
        (&[apex, ("X-Tenant-Id", b"org_a")], "/", "404 not_found"),
        (
            &[apex, ("X-Tenant-Id", b"org_A"), ("x-tenant-id", b"org_A")],
            "/",
            "400 malformed_tenant",
        ),
        (&[apex, ("X_Tenant_Id", b"org_A")], "/", "404 not_found"),
        (&[apex, ("X-Tenant-Id", b"org_A,org_A")], "/", "400 malformed_tenant"),
    ] {
        assert_eq!(
            answer(&enforcer, Access::Public, Credentials::Absent, fields, target),
            expected,
            "{fields:?} {target:?}"
        );
    }
}

#[test]
fn under_reject_all_sources_agree_or_nothing_is_bound() {
    let rejecting = |resolvers: Vec<tenancy_core::resolve::AnyResolver>| {
        Enforcer::new(chain(resolvers).with_on_conflict(OnConflict::Reject))
    };
    let path = || PathResolver::new("/api/{tenant}".parse().unwrap());
    let cookie = || CookieResolver::new("tenant".parse().unwrap());
    let forwards = rejecting(vec![header(KeyForm::Id).into(), path().into(), cookie().into()]);
    let backwards = rejecting(vec![cookie().into(), path().into(), header(KeyForm::Id).into()]);
    let claims = Claims::new("eve".parse().unwrap()).with_tenant(TenantKey::Id("acme".parse().unwrap()));
    let member: Credentials<&dyn VerifiedClaims> = Credentials::Verified(&claims);
    for (fields, target, scoped, public) in [
        (
            &[("x-tenant-id", b"acme".as_slice())][..],
            "/api/rocket",
            "acme",
            "visit to acme",
        ),
        (
            &[("x-tenant-id", b"acme")],
            "/api/globex",
            "403 forbidden",
            "404 not_found",
        ),
        (
            &[("x-tenant-id", b"acme")],
            "/api/nobody",
            "403 forbidden",
            "404 not_found",
        ),
        (
            &[("x-tenant-id", b"nobody")],
            "/api/rocket",
            "403 forbidden",
            "404 not_found",
        ),
        (
            &[("cookie", b"tenant=globex")],
            "/api/rocket",
            "400 conflicting_tenants",
            "400 conflicting_tenants",
        ),
        (&[("cookie", b"tenant=rocket")], "/api/rocket", "acme", "visit to acme"),
        (
            &[("cookie", b"tenant=globex"), ("x-tenant-id", b"A")],
            "/api/rocket",
            "400 malformed_tenant",
            "400 malformed_tenant",
        ),
    ] {
        for enforcer in [&forwards, &backwards] {
            let got = answer(enforcer, Access::Scoped, member, fields, target);
            assert_eq!(got.split(" by ").next(), Some(scoped), "{fields:?} {target:?}");
            let got = answer(enforcer, Access::Public, member, fields, target);
            assert_eq!(got.split(" by ").next(), Some(public), "{fields:?} {target:?}");
        }
    }
    // Membership is by the same token: the claim says acme, the header globex.
    let fields = [("x-tenant-id", b"globex".as_slice())];
    assert_eq!(answer(&forwards, Access::Scoped, member, &fields, "/"), "403 forbidden");
    // The first in order is reported.
    let fields = [("x-tenant-id", b"acme".as_slice())];
    assert_eq!(
        answer(&forwards, Access::Scoped, member, &fields, "/api/rocket"),
        "acme by header as eve"
    );
    assert_eq!(
        answer(&backwards, Access::Scoped, member, &fields, "/api/rocket"),
        "acme by path as eve"
    );
}

#[test]
fn under_first_later_sources_are_not_read() {
    struct Explodes;
    impl Resolver for Explodes {
        fn name(&self) -> tenancy_core::names::ResolverName {
            tenancy_core::names::ResolverName::from_static("explodes")
        }
        fn resolve(&self, _: &RequestView<'_>) -> Result<Option<TenantKey>, tenancy_core::resolve::Malformed> {
            panic!("read")
        }
    }
    let last: &'static dyn Resolver = &Explodes;
    let enforcer = Enforcer::new(chain([header(KeyForm::Id).into(), last.into()]));
    let fields = [("x-tenant-id", b"acme".as_slice())];
    assert_eq!(
        answer(&enforcer, Access::Public, Credentials::Absent, &fields, "/"),
        "visit to acme by header"
    );
    let fields = [("x-tenant-id", b"A".as_slice())];
    assert_eq!(
        answer(&enforcer, Access::Public, Credentials::Absent, &fields, "/"),
        "400 malformed_tenant"
    );
}

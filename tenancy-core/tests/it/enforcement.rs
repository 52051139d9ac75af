//! The tables of answers: who asks, on which route, with which tenant.
#![cfg(feature = "std")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use tenancy_core::directory::{
    ClaimMembership, MemoryDirectory, MemoryEntry, TenantEntry, TenantHandle, TenantRecord, TenantStatus,
};
use tenancy_core::enforce::{Access, Admitted, Disclosure, Enforcer, Outcome, Step, drive, drive_now};
use tenancy_core::names::{Domain, KeyForm, TenantKey};
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, Target, VerifiedClaims};
use tenancy_core::resolve::{
    ClaimResolver, CookieResolver, DomainResolver, HeaderResolver, OnConflict, PathResolver, QueryResolver, Resolver,
    ResolverChain, SubdomainResolver,
};

fn record(id: &str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())
}

/// `acme` is active, goes by the slug `rocket`, the external id `org_A` and a domain of its own.
fn directory() -> MemoryDirectory {
    let acme = record("acme")
        .with_slug("rocket".parse().unwrap())
        .with_external_id("org_A".parse().unwrap());
    let mut entries = vec![MemoryEntry::new(acme).with_domain("acme.example".parse().unwrap())];
    entries.push(MemoryEntry::new(record("globex")));
    for status in [
        TenantStatus::Provisioning,
        TenantStatus::Suspended,
        TenantStatus::Archived,
    ] {
        entries.push(MemoryEntry::new(record(status.as_str()).with_status(status)));
    }
    MemoryDirectory::new(entries).unwrap()
}

fn header(form: KeyForm) -> HeaderResolver {
    HeaderResolver::new("x-tenant-id".parse().unwrap()).with_form(form)
}

fn chain(resolvers: impl IntoIterator<Item = tenancy_core::resolve::AnyResolver>) -> ResolverChain {
    resolvers
        .into_iter()
        .fold(ResolverChain::new(), |chain, resolver| chain.then(resolver).unwrap())
}

/// What a request comes to: a status and code, or a word about how it is bound.
fn answer(
    enforcer: &Enforcer,
    access: Access,
    credentials: Credentials<&dyn VerifiedClaims>,
    fields: &[(&str, &[u8])],
    target: &str,
) -> String {
    let headers = HeaderList::new(fields);
    let (path, query) = target
        .split_once('?')
        .map_or((target, None), |(path, query)| (path, Some(query)));
    let target = Target::Path {
        authority: None,
        path,
        query,
    };
    let request = RequestView {
        version: HttpVersion::Http11,
        target,
        headers: &headers,
        credentials,
    };
    let Ok(decision) = drive_now(
        enforcer.begin(&request, access, &mut None),
        &directory(),
        &ClaimMembership,
    ) else {
        panic!("the directory answers at once");
    };
    match decision {
        Ok(Outcome::Admitted(admitted)) => {
            format!("{} by {} as {}", admitted.id(), admitted.resolver(), admitted.subject())
        }
        Ok(Outcome::Visit(visit)) => format!("visit to {} by {}", visit.id(), visit.resolver()),
        Ok(Outcome::NoTenant) => "no tenant".into(),
        Ok(outcome) => panic!("{outcome:?}"),
        Err(rejection) => format!("{} {}", rejection.status(), rejection.code()),
    }
}

#[test]
fn every_cell_of_the_table_of_marks() {
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
fn an_issuers_subject_is_a_stranger_to_tenants_that_the_issuer_may_not_speak_for() {
    let enforcer = Enforcer::new(chain([header(KeyForm::Id).into()]));
    let bound = |form: KeyForm, tenant: &str| {
        Claims::new("eve".parse().unwrap())
            .with_tenants([TenantKey::Id("acme".parse().unwrap())])
            .with_issuer_tenants([form.parse(tenant.as_bytes()).unwrap()].into())
    };
    for (claims, expected) in [
        (bound(KeyForm::Id, "acme"), "acme by header as eve"),
        (bound(KeyForm::Slug, "rocket"), "acme by header as eve"),
        (bound(KeyForm::External, "org_A"), "acme by header as eve"),
        (bound(KeyForm::Id, "globex"), "403 forbidden"),
        (bound(KeyForm::Slug, "acme"), "403 forbidden"),
    ] {
        let fields = [("x-tenant-id", b"acme".as_slice())];
        let credentials: Credentials<&dyn VerifiedClaims> = Credentials::Verified(&claims);
        assert_eq!(
            answer(&enforcer, Access::Scoped, credentials, &fields, "/"),
            expected,
            "{claims:?}"
        );
        assert_eq!(
            answer(&enforcer, Access::Public, credentials, &fields, "/"),
            "visit to acme by header"
        );
    }
}

/// The look-up is a question about a name that a stranger chose: it is not asked for one who shows no credentials.
#[test]
fn the_directory_learns_nothing_of_a_request_without_credentials() {
    let enforcer = Enforcer::new(chain([header(KeyForm::Id).into()]));
    let fields = [("x-tenant-id", b"acme".as_slice())];
    let headers = HeaderList::new(&fields);
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers: &headers,
        credentials: Credentials::Absent,
    };
    for (access, looks_up) in [
        (Access::Scoped, false),
        (Access::Optional, false),
        (Access::Public, true),
    ] {
        let mut key = None;
        let step = enforcer.begin(&request, access, &mut key);
        assert_eq!(matches!(step, Step::Lookup(_)), looks_up, "{access:?}: {step:?}");
    }
}

#[test]
fn a_key_of_another_request_is_dropped() {
    let enforcer = Enforcer::new(chain([header(KeyForm::Id).into()]));
    let headers = HeaderList::new(&[]);
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers: &headers,
        credentials: Credentials::Absent,
    };
    let mut key = Some(TenantKey::Id("acme".parse().unwrap()));
    let step = enforcer.begin(&request, Access::Public, &mut key);
    assert!(matches!(step, Step::Reject(_)), "{step:?}");
    assert_eq!(key, None);
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

#[test]
fn a_record_that_does_not_answer_to_the_key_is_refused() {
    let enforcer = Enforcer::new(chain([header(KeyForm::Id).into()]));
    let fields = [("x-tenant-id", b"acme".as_slice())];
    let headers = HeaderList::new(&fields);
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers: &headers,
        credentials: Credentials::Absent,
    };
    let mut key = None;
    let Step::Lookup(lookup) = enforcer.begin(&request, Access::Public, &mut key) else {
        panic!()
    };
    let Step::Reject(rejection) = lookup.found(&record("globex")) else {
        panic!()
    };
    assert_eq!(
        (rejection.status(), rejection.code(), rejection.retry_after()),
        (503, "unavailable", Some(1))
    );
}

/// An entry whose record is one tenant's and whose handle is another's.
struct TwoFaced(TenantRecord, TenantHandle);

impl TenantEntry for TwoFaced {
    fn record(&self) -> &TenantRecord {
        &self.0
    }

    fn handle(&self) -> TenantHandle {
        self.1.clone()
    }

    fn has_domain(&self, _: &Domain) -> bool {
        false
    }
}

#[test]
fn what_is_handed_on_is_the_tenant_that_was_found() {
    let suspended = || record("acme").with_status(TenantStatus::Suspended);
    for (handle, expected) in [
        (record("acme"), "asks for membership"),
        (record("globex"), "503"),
        // What is handed on is what is judged.
        (suspended(), "403"),
    ] {
        let claims = Claims::new("alice".parse().unwrap());
        let fields = [("x-tenant-id", b"acme".as_slice())];
        let headers = HeaderList::new(&fields);
        let request = RequestView {
            version: HttpVersion::Http11,
            target: Target::path("/"),
            headers: &headers,
            credentials: Credentials::Verified(&claims),
        };
        let enforcer = Enforcer::new(chain([header(KeyForm::Id).into()]));
        let mut key = None;
        let Step::Lookup(lookup) = enforcer.begin(&request, Access::Scoped, &mut key) else {
            panic!("no look-up")
        };
        let answer = match lookup.found(&TwoFaced(record("acme"), handle.into())) {
            Step::Authorize(authorize) => {
                assert_eq!(authorize.tenant().id, "acme");
                "asks for membership".to_owned()
            }
            Step::Reject(rejection) => rejection.status().to_string(),
            step => panic!("{step:?}"),
        };
        assert_eq!(answer, expected);
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

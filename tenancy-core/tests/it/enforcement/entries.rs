//! What the directory is asked, and what is believed of its answer.

use tenancy_core::directory::{TenantEntry, TenantHandle, TenantRecord, TenantStatus};
use tenancy_core::enforce::{Access, Enforcer, Step};
use tenancy_core::names::{Domain, KeyForm, TenantKey};
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, Target, VerifiedClaims};

use super::{answer, chain, header, record};

/// A request for `/` with these fields.
fn get<'r>(headers: &'r HeaderList<'r>, credentials: Credentials<&'r dyn VerifiedClaims>) -> RequestView<'r> {
    RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers,
        credentials,
    }
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
    let request = get(&headers, Credentials::Absent);
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
    let request = get(&headers, Credentials::Absent);
    let mut key = Some(TenantKey::Id("acme".parse().unwrap()));
    let step = enforcer.begin(&request, Access::Public, &mut key);
    assert!(matches!(step, Step::Reject(_)), "{step:?}");
    assert_eq!(key, None);
}

#[test]
fn a_record_that_does_not_answer_to_the_key_is_refused() {
    let enforcer = Enforcer::new(chain([header(KeyForm::Id).into()]));
    let fields = [("x-tenant-id", b"acme".as_slice())];
    let headers = HeaderList::new(&fields);
    let request = get(&headers, Credentials::Absent);
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
        let request = get(&headers, Credentials::Verified(&claims));
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

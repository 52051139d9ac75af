//! Who the caller is, and of which issuer.

use std::sync::Arc;

use tenancy_core::context::TenantScope;
use tenancy_core::directory::{Member, MemoryEntry, TenantEntry, TenantRecord};
use tenancy_core::enforce::{Access, Admitted, Outcome, drive_now};
use tenancy_core::names::{Domain, ResolverName, Role, Subject, TenantKey};
use tenancy_core::request::{Claims, Credentials, HeaderList, VerifiedClaims};
use tenancy_core::testing::{InsecureTestStub, TestTenant};

use super::{record, request};

/// A member who is somebody's subject by any issuer would be another person, too.
#[test]
fn a_caller_as_a_member_is_of_their_issuer() {
    let acme = TestTenant::new("acme").with_subject("alice");
    let member = Member::of_caller(acme.admitted().caller());
    assert_eq!((member.subject().as_str(), member.issuer()), ("alice", None));
    let issued = acme.with_issuer("https://login.example");
    let member = Member::of_caller(issued.admitted().caller());
    assert_eq!(member.issuer(), Some("https://login.example"));
    assert!(member.is(&issued.claims()));
    assert!(!member.is(&issued.with_issuer("https://other.example").claims()));
    let owner = [Role::from_static("owner")].into_iter().collect();
    assert!(member.with_roles(owner).roles().has("owner"));
}

#[test]
fn domains_are_the_entrys_own() {
    let (own, other) = ("a.com".parse::<Domain>().unwrap(), "b.com".parse::<Domain>().unwrap());
    let entry = Arc::new(MemoryEntry::new(record("acme")).with_domain(own.clone()));
    assert!(entry.has_domain(&own) && !entry.has_domain(&other));
    assert!((*entry).has_domain(&own) && !(*entry).has_domain(&other));
    assert!(!record("acme").has_domain(&own));
}

/// Who was authenticated is the subject with its issuer: two issuers may each have an `alice`.
#[test]
fn an_admitted_caller_names_the_issuer() {
    /// Claims of another type, which have their issuer as a text alone.
    struct Session(Claims);

    impl VerifiedClaims for Session {
        fn subject(&self) -> &Subject {
            self.0.subject()
        }

        fn tenant(&self) -> Option<&TenantKey> {
            self.0.tenant()
        }

        fn lists(&self, _: &TenantRecord) -> bool {
            false
        }

        fn issuer(&self) -> Option<&str> {
            self.0.issuer()
        }
    }

    let issuer_of = |claims: &dyn VerifiedClaims| {
        let fields = [("x-tenant-id", b"acme".as_slice())];
        let headers = HeaderList::new(&fields);
        let (request, mut key) = (request(&headers, Credentials::Verified(claims)), None);
        let enforcer = InsecureTestStub::enforcer();
        let step = enforcer.begin(&request, Access::Scoped, &mut key);
        match drive_now(step, &InsecureTestStub, &InsecureTestStub) {
            Ok(Ok(Outcome::Admitted(admitted))) => admitted.issuer().map(ToString::to_string),
            other => panic!("{other:?}"),
        }
    };
    let claims = Claims::new("alice".parse().unwrap());
    assert_eq!(issuer_of(&claims), None);
    assert_eq!(issuer_of(&Session(claims.clone())), None);
    let claims = claims.with_issuer("https://a.example");
    assert_eq!(issuer_of(&claims).as_deref(), Some("https://a.example"));
    assert_eq!(issuer_of(&Session(claims)).as_deref(), Some("https://a.example"));
}

#[test]
fn a_tenant_scope_shows_a_member_only_where_there_is_one() {
    let member = Admitted::dangerously_assume(record("acme"), ResolverName::from_static("job"), "a".parse().unwrap());
    assert_eq!(TenantScope::from(member.clone()).admitted(), Some(&member));
    assert_eq!(TenantScope::from(member.to_visit()).admitted(), None);
}

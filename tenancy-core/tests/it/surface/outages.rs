//! A directory or an authorizer that fails.

use std::error::Error;

use tenancy_core::directory::{Authorizer, Decision, Directory, TenantRecord};
use tenancy_core::enforce::{Access, Authorize, Cause, Fault, Step};
use tenancy_core::names::TenantKey;
use tenancy_core::request::{Credentials, HeaderList};
use tenancy_core::testing::InsecureTestStub;

use super::{record, request, walk};

/// A directory and authorizer that is down.
struct Down;

#[derive(Clone, Debug, PartialEq, Eq)]
struct IsDown;

impl std::fmt::Display for IsDown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("down")
    }
}

impl Error for IsDown {}

impl Directory for Down {
    type Entry = TenantRecord;
    type Error = IsDown;
    async fn find(&self, _: &TenantKey) -> Result<Option<TenantRecord>, IsDown> {
        Err(IsDown)
    }
}

impl Authorizer for Down {
    type Error = IsDown;
    async fn authorize(&self, _: &Authorize<'_>) -> Result<Decision, IsDown> {
        Err(IsDown)
    }
}

#[test]
fn what_is_down_refuses_and_is_reported_to_the_operator() {
    let refused = walk(&Down, &InsecureTestStub).unwrap_err();
    assert_eq!(
        (refused.rejection.cause(), refused.fault),
        (Cause::DirectoryUnavailable, Some(Fault::Directory(IsDown)))
    );
    let refused = walk(&InsecureTestStub, &Down).unwrap_err();
    assert_eq!(
        (refused.rejection.cause(), refused.fault),
        (Cause::AuthorizerUnavailable, Some(Fault::Authorizer(IsDown)))
    );
    let fields = [("x-tenant-id", b"acme".as_slice())];
    let headers = HeaderList::new(&fields);
    let claims = InsecureTestStub::claims();
    let enforcer = InsecureTestStub::enforcer();
    let (request, mut key) = (request(&headers, Credentials::Verified(&claims)), None);
    let Step::Lookup(lookup) = enforcer.begin(&request, Access::Scoped, &mut key) else {
        panic!("no look-up")
    };
    let Step::Reject(rejection) = lookup.unavailable() else {
        panic!("not refused")
    };
    assert_eq!(rejection.cause(), Cause::DirectoryUnavailable);
    let Step::Lookup(lookup) = enforcer.begin(&request, Access::Scoped, &mut key) else {
        panic!("no look-up")
    };
    let Step::Authorize(authorize) = lookup.found(&record("acme")) else {
        panic!("no authorization")
    };
    let Step::Reject(rejection) = authorize.unavailable() else {
        panic!("not refused")
    };
    assert_eq!(rejection.cause(), Cause::AuthorizerUnavailable);
}

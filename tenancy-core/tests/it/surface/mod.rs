//! What a client, an operator and an implementer see of the core: texts, defaults, debug output.
#![cfg(feature = "serde")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod callers;
mod implementers;
mod outages;
mod refusals;
mod texts;

use tenancy_core::directory::{Authorizer, Directory, TenantRecord};
use tenancy_core::enforce::{Access, Outcome, Refused, drive};
use tenancy_core::names::TenantKey;
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, Target, VerifiedClaims};
use tenancy_core::testing::InsecureTestStub;

fn record(id: &str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())
}

fn request<'a>(headers: &'a HeaderList<'a>, credentials: Credentials<&'a dyn VerifiedClaims>) -> RequestView<'a> {
    RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers,
        credentials,
    }
}

/// What becomes of a request for `acme`, with a directory and an authorizer that answer at once.
fn walk<D: Directory, A: Authorizer>(directory: &D, authorizer: &A) -> Result<Outcome, Refused<D::Error, A::Error>> {
    let fields = [("x-tenant-id", b"acme".as_slice())];
    let headers = HeaderList::new(&fields);
    let claims = Claims::new("eve".parse().unwrap()).with_tenant(TenantKey::Id("acme".parse().unwrap()));
    let enforcer = InsecureTestStub::enforcer();
    let (request, mut key) = (request(&headers, Credentials::Verified(&claims)), None);
    let step = enforcer.begin(&request, Access::Scoped, &mut key);
    let mut walk = std::pin::pin!(drive(step, directory, authorizer));
    match walk
        .as_mut()
        .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    {
        std::task::Poll::Ready(outcome) => outcome,
        std::task::Poll::Pending => panic!("nothing to wait for"),
    }
}

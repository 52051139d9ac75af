//! A request calls each of its parts once, whether their answers are available or must be waited for.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::request::Parts;
use http::{Request, Response};
use tenancy_core::context;
use tenancy_core::directory::{Authorizer, Decision, Directory, TenantRecord};
use tenancy_core::enforce::Authorize;
use tenancy_core::names::TenantKey;
use tenancy_core::request::VerifiedClaims;
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{Authenticator, Credentials, SharedClaims, Tenancy};
use tower::{Layer, ServiceExt, service_fn};

/// The name of each call, in order.
type Calls = Arc<Mutex<Vec<&'static str>>>;

/// A part that notes its calls, and whose answer is available or not.
#[derive(Clone)]
struct Part {
    calls: Calls,
    is_available: bool,
}

impl Part {
    fn call(&self, name: &'static str) {
        self.calls.lock().unwrap().push(name);
    }
}

impl Authenticator for Part {
    type Error = Infallible;

    async fn authenticate(&self, _: &Parts) -> Result<Credentials<SharedClaims>, Infallible> {
        self.call("authenticate");
        Ok(Credentials::Verified(Arc::new(InsecureTestStub::claims())))
    }

    fn authenticate_now(&self, _: &Parts) -> Option<Credentials<SharedClaims>> {
        self.call("authenticate now");
        let claims: SharedClaims = Arc::new(InsecureTestStub::claims());
        self.is_available.then_some(Credentials::Verified(claims))
    }

    fn claims_in<'p>(&self, parts: &'p Parts) -> Option<&'p dyn VerifiedClaims> {
        parts
            .extensions
            .get::<tenancy_core::request::Claims>()
            .map(|claims| claims as _)
    }
}

impl Directory for Part {
    type Entry = TenantRecord;
    type Error = Infallible;

    async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Infallible> {
        self.call("find");
        InsecureTestStub.find(key).await
    }

    fn peek<T>(&self, key: &TenantKey, read: impl FnOnce(Option<&TenantRecord>) -> T) -> Option<T> {
        if self.is_available {
            InsecureTestStub.peek(key, read)
        } else {
            None
        }
    }
}

impl Authorizer for Part {
    type Error = Infallible;

    async fn authorize(&self, _: &Authorize<'_>) -> Result<Decision, Infallible> {
        self.call("authorize");
        Ok(Decision::allow_if(true))
    }

    fn authorize_now(&self, _: &Authorize<'_>) -> Option<Decision> {
        self.is_available.then_some(Decision::allow_if(true))
    }
}

/// What a request calls if the answers of authenticator, directory and authorizer are available, or not.
async fn calls(is_available: [bool; 3], is_carried: bool) -> Vec<&'static str> {
    let calls = Calls::default();
    let [authenticator, directory, authorizer] = is_available.map(|is_available| Part {
        calls: Arc::clone(&calls),
        is_available,
    });
    let tenancy = Tenancy::builder(InsecureTestStub::enforcer(), authenticator, directory)
        .with_authorizer(authorizer)
        .build();
    let service = tenancy.scoped().layer(service_fn(async |_: Request<()>| {
        assert_eq!(context::current().unwrap().id(), "acme");
        Ok::<_, Infallible>(Response::new(String::new()))
    }));
    let mut request = Request::get("/").header("x-tenant-id", "acme").body(()).unwrap();
    if is_carried {
        request.extensions_mut().insert(InsecureTestStub::claims());
    }
    assert_eq!(service.oneshot(request).await.unwrap().status(), 200);
    let calls = calls.lock().unwrap();
    calls.clone()
}

#[tokio::test]
async fn what_is_available_is_not_waited_for() {
    assert_eq!(calls([true; 3], false).await, ["authenticate now"]);
    assert!(calls([true; 3], true).await.is_empty());
}

#[tokio::test]
async fn what_must_be_waited_for_is_called_once() {
    let (now, find, authorize) = ("authenticate now", "find", "authorize");
    assert_eq!(calls([false; 3], false).await, [now, "authenticate", find, authorize]);
    // A credential that has been verified is not verified again.
    assert_eq!(calls([true, false, true], false).await, [now, find, authorize]);
    assert_eq!(calls([true, true, false], false).await, [now, find, authorize]);
    // Claims that the request carries are used from there, also by a request that waits.
    assert_eq!(calls([true, false, false], true).await, [find, authorize]);
}

//! The layer around a bare tower service.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tenancy_core::context;
use tenancy_http::{Tenancy, TenancyBody, bound};
use tower::{Layer, Service, ServiceExt, service_fn};

fn request(tenant: &str) -> Request<()> {
    Request::get("/").header("x-tenant-id", tenant).body(()).unwrap()
}

async fn text(response: Response<TenancyBody<Full<Bytes>>>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn the_tenant_is_in_the_context_and_in_the_extensions() {
    let service = Tenancy::insecure_test_stub()
        .scoped()
        .layer(service_fn(|request: Request<()>| {
            // In `call` itself too, not only in its future.
            let in_call = context::current().unwrap();
            async move {
                tokio::task::yield_now().await;
                assert_eq!(context::current().unwrap(), in_call);
                assert_eq!(bound(request.extensions()).unwrap().admitted(), Some(&in_call));
                Ok::<_, Infallible>(Response::new(Full::from(in_call.id().to_string())))
            }
        }));
    let (acme, globex) = tokio::join!(
        service.clone().oneshot(request("acme")),
        service.oneshot(request("globex"))
    );
    assert_eq!(text(acme.unwrap()).await, "acme");
    assert_eq!(text(globex.unwrap()).await, "globex");
    assert!(context::bound().is_none());
}

#[tokio::test]
async fn a_panic_or_a_cancelled_request_leaves_nothing_behind() {
    let mut panics = Tenancy::insecure_test_stub()
        .scoped()
        .layer(service_fn(|_: Request<()>| async {
            if context::current().is_ok() {
                panic!("on purpose");
            }
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }));
    let mut running = pin!(panics.call(request("acme")));
    let poll = || running.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(std::panic::catch_unwind(AssertUnwindSafe(poll)).is_err());
    assert!(context::bound().is_none());

    let mut hangs = Tenancy::insecure_test_stub()
        .scoped()
        .layer(service_fn(|_: Request<()>| {
            std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
        }));
    {
        let mut running = pin!(hangs.call(request("acme")));
        assert!(matches!(
            running.as_mut().poll(&mut Context::from_waker(Waker::noop())),
            Poll::Pending
        ));
    }
    assert!(context::bound().is_none());
}

#[tokio::test]
async fn under_no_layer_nothing_is_bound() {
    assert!(bound(request("acme").extensions()).is_none());
}

//! A cached directory under the layer.
#![cfg(feature = "cache")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use http_body_util::Full;
use tenancy_core::directory::{Directory, TenantRecord};
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{CachedDirectory, ClaimsFromExtension, Tenancy};
use tower::{Layer, ServiceExt, service_fn};

use crate::log::Log;

/// Answers its first question with another tenant than it was asked for.
#[derive(Default)]
struct WrongAtFirst(AtomicBool);

impl Directory for WrongAtFirst {
    type Entry = TenantRecord;
    type Error = Infallible;

    async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Infallible> {
        let id = match self.0.swap(true, Ordering::Relaxed) {
            true => key.as_str(),
            false => "globex",
        };
        Ok(Some(TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())))
    }
}

/// The client sees the same as if the directory could not be reached.
#[tokio::test]
async fn an_answer_to_another_question_is_refused_and_logged() {
    let (log, _guard) = Log::capture();
    let tenancy = Tenancy::builder(
        InsecureTestStub::enforcer(),
        ClaimsFromExtension::<Claims>::new(),
        CachedDirectory::new(WrongAtFirst::default()),
    )
    .with_authorizer(InsecureTestStub)
    .build();
    let service = tenancy.scoped().layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::default()))
    }));
    let enter = async || {
        let claims = Claims::new("alice".parse().unwrap());
        let request = Request::get("/").header("x-tenant-id", "acme").extension(claims);
        let response = service.clone().oneshot(request.body(()).unwrap()).await.unwrap();
        response.status().as_u16()
    };
    assert_eq!((enter().await, enter().await), (503, 200));
    let log = log.text();
    assert!(
        log.contains("ERROR") && log.contains("another tenant than the one that was looked up"),
        "{log}"
    );
}

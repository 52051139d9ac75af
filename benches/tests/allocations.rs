//! What a request through each framework allocates with the layer, beyond what it does without. Counted, not timed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::sync::Mutex;

use allocation_counter::measure;
use benches::count_rows;
use http::{Request, Response};
use tenancy_core::directory::{Directory, TenantRecord};
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{ClaimsFromExtension, Tenancy};
use tower::{Layer, ServiceExt, service_fn};

/// How many allocations a row has more than another of its group.
fn added(group: &str, row: &str, bare: &str) -> f64 {
    let rows = count_rows(group, 100, |run| measure(run).count_total);
    let count = |name: &str| rows.iter().find(|row| row.name == name).unwrap().count;
    assert!(count(bare) > 0.0, "a request that is copied is counted");
    count(row) - count(bare)
}

#[test]
fn axum_around_the_router() {
    let added = added("axum", "tenancy around the Router, extractor", "bare Router");
    assert!((added - 3.0).abs() < f64::EPSILON, "{added}");
}

/// What axum allocates for any layer in this place is counted on both sides.
#[test]
fn axum_by_a_layer_of_the_router() {
    let added = added(
        "axum",
        "tenancy by Router::layer, extractor",
        "Router::layer of an empty layer",
    );
    assert!((added - 5.0).abs() < f64::EPSILON, "{added}");
}

#[test]
fn poem() {
    let added = added("poem", "tenancy around the Route, extractor", "bare Route");
    assert!((added - 3.0).abs() < f64::EPSILON, "{added}");
}

#[test]
fn warp() {
    let filtered = added("warp", "tenancy, filter of the tenant", "bare filter");
    assert!((filtered - 14.0).abs() < f64::EPSILON, "{filtered}");
    let around = added(
        "warp",
        "tenancy around the service, filter of the tenant",
        "bare filter",
    );
    assert!((around - 9.0).abs() < f64::EPSILON, "{around}");
}

#[test]
fn tower() {
    let added = added("tower", "tenancy", "bare service");
    assert!((added - 4.0).abs() < f64::EPSILON, "{added}");
}

/// A directory that answers in memory, and says that it must be waited for.
struct Waits;

impl Directory for Waits {
    type Entry = TenantRecord;
    type Error = Infallible;

    async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Infallible> {
        InsecureTestStub.find(key).await
    }
}

/// A request that must wait goes on the heap once.
#[test]
fn a_request_that_waits() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let count = |tenancy: Tenancy| {
        let service = tenancy.scoped().layer(service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(Response::new(String::new()))
        }));
        let mut request = Request::get("/").header("x-tenant-id", "acme").body(()).unwrap();
        request.extensions_mut().insert(InsecureTestStub::claims());
        let request = Mutex::new(Some(request));
        let counted = measure(|| {
            let request = request.lock().unwrap().take().unwrap();
            assert_eq!(
                runtime.block_on(service.clone().oneshot(request)).unwrap().status(),
                200
            );
        });
        counted.count_total
    };
    let (enforcer, claims) = (InsecureTestStub::enforcer, ClaimsFromExtension::<Claims>::new);
    let available = Tenancy::builder(enforcer(), claims(), InsecureTestStub).with_authorizer(InsecureTestStub);
    let waits = Tenancy::builder(enforcer(), claims(), Waits).with_authorizer(InsecureTestStub);
    assert_eq!(count(waits.build()) - count(available.build()), 1);
}

#[test]
fn neither_resolution_nor_admission() {
    for group in ["resolution", "admission", "context"] {
        for row in count_rows(group, 100, |run| measure(run).count_total) {
            // The library that verifies tokens allocates, and it is asked in these rows alone.
            let verifies = row.name.contains("verif");
            assert_eq!(verifies, row.count > 0.0, "{} {}: {}", row.group, row.name, row.count);
        }
    }
}

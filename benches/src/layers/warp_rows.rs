use std::convert::Infallible;
use std::hint::black_box;

use http::{Request, Response, StatusCode};
use tenancy_warp::{Tenancy, Tenant, tenant};
use tower::{Layer, Service, ServiceExt};
use warp::Filter;

use super::{known, tenancy};
use crate::{Group, Row};

pub(crate) fn group() -> Group {
    let bare = warp::path!("notes").and(warp::get()).map(|| "notes");
    let asking = warp::path!("notes")
        .and(warp::get())
        .and(tenant())
        .map(|tenant: Tenant| {
            black_box(tenant);
            "notes"
        });
    let around = tenancy().scoped();
    let tenancy = Tenancy::from(tenancy());
    Group::default()
        .row(row("bare filter", warp::service(bare)))
        .row(row(
            "tenancy, filter of the tenant",
            tenancy_warp::service(tenancy.scoped(asking)),
        ))
        .against(["bare filter"], 1.25)
        .row(row(
            "tenancy around the service, filter of the tenant",
            around.layer(tenancy_warp::service(asking)),
        ))
        .against(["bare filter"], 1.25)
}

fn row<S, B>(name: &str, service: S) -> Row
where
    S: Service<Request<String>, Response = Response<B>, Error = Infallible> + Clone + 'static,
{
    let parts = known();
    Row::awaited(name, async move || {
        let request = Request::from_parts(parts.clone(), String::new());
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    })
}

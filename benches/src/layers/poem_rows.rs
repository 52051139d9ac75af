use std::hint::black_box;

use http::StatusCode;
use http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, EndpointExt, Request, RequestParts, Route, get, handler};
use tenancy_poem::{Tenancy, Tenant};

use super::{known, tenancy};
use crate::{Group, Row};

pub(crate) fn group() -> Group {
    let tenancy = Tenancy::from(tenancy());
    Group::default()
        .row(row("bare Route", Route::new().at("/notes", get(bare))))
        .row(row(
            "tenancy around the Route, extractor",
            Route::new().at("/notes", get(asking)).with(tenancy.scoped()),
        ))
        .against(["bare Route"], 1.25)
        .row(row(
            "tenancy in the Route, extractor",
            Route::new().at("/notes", get(asking).with(tenancy.scoped())),
        ))
        .against(["bare Route"], None)
}

#[handler]
fn bare() -> &'static str {
    "notes"
}

#[handler]
fn asking(tenant: Tenant) -> &'static str {
    black_box(tenant);
    "notes"
}

fn row(name: &str, endpoint: impl Endpoint + 'static) -> Row {
    let parts = known();
    Row::awaited(name, async move || {
        let parts = (parts.clone(), LocalAddr::default(), RemoteAddr::default(), Scheme::HTTP);
        let request = Request::from_parts(RequestParts::from(parts), ().into());
        assert_eq!(endpoint.get_response(request).await.status(), StatusCode::OK);
    })
}

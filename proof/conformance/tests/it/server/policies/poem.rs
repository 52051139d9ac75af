use ::poem::http::StatusCode;
use ::poem::web::Data;
use ::poem::{Endpoint, EndpointExt, IntoResponse, Response, Route, get, handler};
use tenancy_poem::{MaybeTenant, Tenancy, Tenant, Visitor};

use crate::probe::{self, Signals};
use crate::tenants;

/// Adds the routes to those of a table.
pub(in crate::server) fn routes(
    route: Route,
    tenancy: &Tenancy,
    signals: Signals,
) -> impl Endpoint<Output = Response> + 'static {
    let table = Route::new()
        .at("/member", get(member))
        .at("*", unknown)
        .with(tenancy.scoped());
    let route = route
        .at("/unguarded/member", get(member))
        .at("/unguarded/maybe", get(maybe))
        .at("/unguarded/visitor", get(visitor))
        .at("/scoped", get(member).with(tenancy.scoped()))
        .at("/t/:tenant", get(member).with(tenancy.scoped()))
        .at("/varied", get(varied).with(tenancy.scoped()))
        .at("/optional", get(maybe).with(tenancy.optional()))
        .at("/member-in-optional", get(member).with(tenancy.optional()))
        .at("/public", get(visitor).with(tenancy.public()))
        .at("/member-in-public", get(member).with(tenancy.public()))
        .at("/maybe-in-public", get(maybe).with(tenancy.public()))
        .nest("/table", table);
    nested(route, tenancy).data(signals)
}

fn nested(route: Route, tenancy: &Tenancy) -> Route {
    let second = Tenancy::from(tenants::prompt());
    let by_path = Tenancy::from(tenants::by_path_for_everyone());
    let (scoped, optional, public) = (|| tenancy.scoped(), || tenancy.optional(), || tenancy.public());
    route
        .at("/scoped-in-public", get(visitor).with(scoped()).with(public()))
        .at("/public-in-scoped", get(visitor).with(public()).with(scoped()))
        .at("/scoped-in-optional", get(visitor).with(scoped()).with(optional()))
        .at("/optional-in-scoped", get(maybe).with(optional()).with(scoped()))
        .at("/optional-in-public", get(maybe).with(optional()).with(public()))
        .at(
            "/scoped-three-times",
            get(member).with(scoped()).with(scoped()).with(scoped()),
        )
        .at(
            "/another-public-in-scoped",
            get(visitor).with(second.public()).with(scoped()),
        )
        .at("/t/:tenant/public", get(visitor).with(by_path.public()).with(scoped()))
}

#[handler]
fn member(Data(signals): Data<&Signals>, tenant: Tenant) -> String {
    probe::member(signals, &tenant)
}

#[handler]
fn maybe(Data(signals): Data<&Signals>, MaybeTenant(tenant): MaybeTenant) -> String {
    probe::maybe(signals, tenant.as_ref())
}

#[handler]
fn visitor(Data(signals): Data<&Signals>, visit: Visitor) -> String {
    probe::visitor(signals, &visit)
}

#[handler]
fn varied(Data(signals): Data<&Signals>, tenant: Tenant) -> Response {
    let mut response = probe::member(signals, &tenant).into_response();
    for (name, value) in probe::FIELDS {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

#[handler]
fn unknown(tenant: Tenant) -> Response {
    probe::unknown(&tenant)
        .with_status(StatusCode::NOT_FOUND)
        .into_response()
}

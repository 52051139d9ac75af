use ::poem::endpoint::BoxEndpoint;
use ::poem::web::Data;
use ::poem::{EndpointExt, IntoEndpoint, Response, Route, get, handler};
use tenancy_poem::{Caller, MaybeTenant, Payload, Tenancy, Tenant, Visitor};

use super::{Around, PREFIX, ROUTES, Shows};
use crate::probe::{self, Note, Signals};
use crate::tenants;

/// Adds the routes to those of a table.
pub(in crate::server) fn routes(route: Route, tenancy: &Tenancy, signals: &Signals) -> Route {
    let other = Tenancy::from(tenants::by_user());
    let layer = |around: &Around| match around {
        Around::Authenticated => tenancy.authenticated(),
        Around::Scoped => tenancy.scoped(),
        Around::Optional => tenancy.optional(),
        Around::Public => tenancy.public(),
        Around::OtherAuthenticated => other.authenticated(),
        Around::OtherScoped => other.scoped(),
    };
    let endpoint = |shows: Shows| -> BoxEndpoint<'static, Response> {
        match shows {
            Shows::Caller => get(caller),
            Shows::Payload => get(payload),
            Shows::Member => get(member),
            Shows::Maybe => get(maybe),
            Shows::Visitor => get(visitor),
        }
        .into_endpoint()
        .data(signals.clone())
        .map_to_response()
        .boxed()
    };
    ROUTES.iter().fold(route, |route, (path, shows, around)| {
        let endpoint = around.iter().fold(endpoint(*shows), |endpoint, around| {
            endpoint.with(layer(around)).boxed()
        });
        route.at(format!("/{PREFIX}/{path}"), endpoint)
    })
}

#[handler]
fn caller(Data(signals): Data<&Signals>, caller: Caller) -> String {
    probe::caller(signals, &caller)
}

#[handler]
fn payload(Data(signals): Data<&Signals>, payload: Payload<Note>) -> String {
    probe::payload(signals, &payload.0)
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

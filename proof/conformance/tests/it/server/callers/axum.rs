use ::axum::Router;
use ::axum::extract::State;
use ::axum::routing::{MethodRouter, get};
use tenancy_axum::{Caller, Payload, Tenancy, Tenant, Visitor};

use super::{Around, PREFIX, ROUTES, Shows};
use crate::probe::{self, Note, Signals};
use crate::tenants;

pub(in crate::server) fn router(tenancy: &Tenancy, signals: Signals) -> Router {
    let other = Tenancy::from(tenants::by_user());
    let layer = |around: &Around| match around {
        Around::Authenticated => tenancy.authenticated(),
        Around::Scoped => tenancy.scoped(),
        Around::Optional => tenancy.optional(),
        Around::Public => tenancy.public(),
        Around::OtherAuthenticated => other.authenticated(),
        Around::OtherScoped => other.scoped(),
    };
    let route = |shows| -> MethodRouter<Signals> {
        match shows {
            Shows::Caller => get(caller),
            Shows::Payload => get(payload),
            Shows::Member => get(member),
            Shows::Maybe => get(maybe),
            Shows::Visitor => get(visitor),
        }
    };
    let routes = ROUTES.iter().map(|(path, shows, around)| {
        let router = Router::new().route(&format!("/{PREFIX}/{path}"), route(*shows));
        around.iter().fold(router, |router, around| router.layer(layer(around)))
    });
    routes.fold(Router::new(), Router::merge).with_state(signals)
}

async fn caller(State(signals): State<Signals>, caller: Caller) -> String {
    probe::caller(&signals, &caller)
}

async fn payload(State(signals): State<Signals>, payload: Payload<Note>) -> String {
    probe::payload(&signals, &payload.0)
}

async fn member(State(signals): State<Signals>, tenant: Tenant) -> String {
    probe::member(&signals, &tenant)
}

async fn maybe(State(signals): State<Signals>, tenant: Option<Tenant>) -> String {
    probe::maybe(&signals, tenant.as_deref())
}

async fn visitor(State(signals): State<Signals>, visit: Visitor) -> String {
    probe::visitor(&signals, &visit)
}

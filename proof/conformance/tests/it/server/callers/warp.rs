use ::warp::filters::BoxedFilter;
use ::warp::reply::Response;
use ::warp::{Filter, Reply};
use tenancy_warp::{Caller, Payload, Tenancy, Tenant, Visitor, caller, optional_tenant, payload, tenant, visitor};

use super::{Around, PREFIX, ROUTES, Shows};
use crate::probe::{self, Note, Signals};
use crate::server::policies::warp::{any_of, exactly, get};
use crate::tenants;

type Routes = BoxedFilter<(Response,)>;

pub(in crate::server) fn routes(tenancy: &Tenancy, signals: &Signals) -> Routes {
    let other = Tenancy::from(tenants::by_user());
    let routes = ROUTES.map(|(path, shows, around)| {
        let route = ::warp::path(PREFIX)
            .and(exactly(path))
            .and(shown(shows, signals))
            .boxed();
        around.iter().fold(route, |route, around| match around {
            Around::Authenticated => tenancy.authenticated(route).boxed(),
            Around::Scoped => tenancy.scoped(route).boxed(),
            Around::Optional => tenancy.optional(route).boxed(),
            Around::Public => tenancy.public(route).boxed(),
            Around::OtherAuthenticated => other.authenticated(route).boxed(),
            Around::OtherScoped => other.scoped(route).boxed(),
        })
    });
    any_of(routes)
}

/// The route extracts before the method, so that every method is enforced.
fn shown(shows: Shows, signals: &Signals) -> Routes {
    let signals = signals.clone();
    match shows {
        Shows::Caller => (caller().and(get()))
            .map(move |caller: Caller| probe::caller(&signals, &caller).into_response())
            .boxed(),
        Shows::Payload => (payload::<Note>().and(get()))
            .map(move |payload: Payload<Note>| probe::payload(&signals, &payload.0).into_response())
            .boxed(),
        Shows::Member => (tenant().and(get()))
            .map(move |tenant: Tenant| probe::member(&signals, &tenant).into_response())
            .boxed(),
        Shows::Maybe => (optional_tenant().and(get()))
            .map(move |tenant: Option<Tenant>| probe::maybe(&signals, tenant.as_deref()).into_response())
            .boxed(),
        Shows::Visitor => (visitor().and(get()))
            .map(move |visit: Visitor| probe::visitor(&signals, &visit).into_response())
            .boxed(),
    }
}

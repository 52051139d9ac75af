use ::hyper::body::Incoming;
use http::{Method, Request, Response, StatusCode};
use tenancy_core::enforce::Rejection;
use tenancy_http::{RefusalForm, Tenancy, caller, optional_tenant, payload, rejection_response, tenant, visitor};
use tower::service_fn;

use super::{Around, PREFIX, ROUTES, Shows};
use crate::probe::{self, Note, Signals};
use crate::server::hyper::{BoxService, empty, text};
use crate::server::policies::hyper::guarded;
use crate::tenants;

/// The service of a path, where it is one of these.
pub(in crate::server) fn find(tenancy: &Tenancy, signals: &Signals, path: &str) -> Option<BoxService> {
    let other = tenants::by_user();
    let path = path.strip_prefix('/')?.strip_prefix(PREFIX)?.strip_prefix('/')?;
    let (_, shows, around) = ROUTES.iter().find(|(candidate, ..)| *candidate == path)?;
    let layer = |around: &Around| match around {
        Around::Authenticated => tenancy.authenticated(),
        Around::Scoped => tenancy.scoped(),
        Around::Optional => tenancy.optional(),
        Around::Public => tenancy.public(),
        Around::OtherAuthenticated => other.authenticated(),
        Around::OtherScoped => other.scoped(),
    };
    let route = endpoint(*shows, signals.clone());
    Some(
        around
            .iter()
            .fold(route, |route, around| guarded(&layer(around), route)),
    )
}

fn endpoint(shows: Shows, signals: Signals) -> BoxService {
    BoxService::new(service_fn(move |request: Request<Incoming>| {
        let response = if [Method::GET, Method::HEAD].contains(request.method()) {
            let form = RefusalForm::of(request.method(), request.headers());
            match show(shows, &signals, &request) {
                Ok(shown) => Response::new(text(shown)),
                Err(refused) => rejection_response(&refused, form).map(text),
            }
        } else {
            empty(StatusCode::METHOD_NOT_ALLOWED)
        };
        async move { Ok(response) }
    }))
}

fn show(shows: Shows, signals: &Signals, request: &Request<Incoming>) -> Result<String, Rejection> {
    let extensions = request.extensions();
    Ok(match shows {
        Shows::Caller => probe::caller(signals, &caller(extensions)?),
        Shows::Payload => probe::payload(signals, &payload::<Note>(extensions)?),
        Shows::Member => probe::member(signals, &tenant(extensions)?),
        Shows::Maybe => probe::maybe(signals, optional_tenant(extensions)?.as_ref()),
        Shows::Visitor => probe::visitor(signals, &visitor(extensions)?),
    })
}

use std::collections::BTreeMap;

use ::hyper::body::Incoming;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tenancy_core::enforce::Rejection;
use tenancy_http::{RefusalForm, Tenancy, TenancyLayer, optional_tenant, rejection_response, tenant, visitor};
use tower::{Layer, ServiceExt, service_fn};

use crate::probe::{self, Signals};
use crate::server::hyper::{Body, BoxService, empty, text};
use crate::tenants;

/// What answers, by path. No path of these has a pattern; `/t/…` and `/table/…` are for [`find`].
pub(in crate::server) type Routes = BTreeMap<&'static str, BoxService>;

/// The service of a path.
pub(in crate::server) fn find(routes: &Routes, path: &str) -> Option<BoxService> {
    let pattern = match path.split('/').collect::<Vec<_>>()[..] {
        ["", "t", _] => "/t/{tenant}",
        ["", "t", _, "public"] => "/t/{tenant}/public",
        ["", "table", "member"] => "/table/member",
        ["", "table", ..] => "/table/{unknown}",
        _ => path,
    };
    routes.get(pattern).cloned()
}

pub(in crate::server) fn routes(tenancy: &Tenancy, signals: &Signals) -> Routes {
    let (scoped, optional, public) = (tenancy.scoped(), tenancy.optional(), tenancy.public());
    let second = tenants::prompt().public();
    let by_path = tenants::by_path_for_everyone().public();
    let rows: [(&'static str, Handler, &[&TenancyLayer]); 21] = [
        ("/unguarded/member", member, &[]),
        ("/unguarded/maybe", maybe, &[]),
        ("/unguarded/visitor", visit, &[]),
        ("/scoped", member, &[&scoped]),
        ("/t/{tenant}", member, &[&scoped]),
        ("/varied", varied, &[&scoped]),
        ("/table/member", member, &[&scoped]),
        ("/table/{unknown}", unknown, &[&scoped]),
        ("/optional", maybe, &[&optional]),
        ("/member-in-optional", member, &[&optional]),
        ("/public", visit, &[&public]),
        ("/member-in-public", member, &[&public]),
        ("/maybe-in-public", maybe, &[&public]),
        ("/scoped-in-public", visit, &[&scoped, &public]),
        ("/public-in-scoped", visit, &[&public, &scoped]),
        ("/scoped-in-optional", visit, &[&scoped, &optional]),
        ("/optional-in-scoped", maybe, &[&optional, &scoped]),
        ("/optional-in-public", maybe, &[&optional, &public]),
        ("/scoped-three-times", member, &[&scoped, &scoped, &scoped]),
        ("/another-public-in-scoped", visit, &[&second, &scoped]),
        ("/t/{tenant}/public", visit, &[&by_path, &scoped]),
    ];
    let service = |handler: Handler, layers: &[&TenancyLayer]| {
        let route = endpoint(handler, signals.clone());
        layers.iter().fold(route, |route, layer| guarded(layer, route))
    };
    rows.into_iter()
        .map(|(path, handler, layers)| (path, service(handler, layers)))
        .collect()
}

pub(in crate::server) fn guarded(layer: &TenancyLayer, inner: BoxService) -> BoxService {
    let service = layer.layer(inner);
    BoxService::new(service.map_response(|response: Response<_>| response.map(BodyExt::boxed_unsync)))
}

type Handler = fn(&Signals, &Request<Incoming>) -> Result<Response<Body>, Rejection>;

fn endpoint(handler: Handler, signals: Signals) -> BoxService {
    BoxService::new(service_fn(move |request: Request<Incoming>| {
        let response = if [Method::GET, Method::HEAD].contains(request.method()) {
            handler(&signals, &request).unwrap_or_else(|refused| {
                rejection_response(&refused, RefusalForm::of(request.method(), request.headers())).map(text)
            })
        } else {
            empty(StatusCode::METHOD_NOT_ALLOWED)
        };
        async move { Ok(response) }
    }))
}

fn member(signals: &Signals, request: &Request<Incoming>) -> Result<Response<Body>, Rejection> {
    let tenant = tenant(request.extensions())?;
    Ok(Response::new(text(probe::member(signals, &tenant))))
}

fn maybe(signals: &Signals, request: &Request<Incoming>) -> Result<Response<Body>, Rejection> {
    let tenant = optional_tenant(request.extensions())?;
    Ok(Response::new(text(probe::maybe(signals, tenant.as_ref()))))
}

fn visit(signals: &Signals, request: &Request<Incoming>) -> Result<Response<Body>, Rejection> {
    let visit = visitor(request.extensions())?;
    Ok(Response::new(text(probe::visitor(signals, &visit))))
}

fn varied(signals: &Signals, request: &Request<Incoming>) -> Result<Response<Body>, Rejection> {
    let mut response = member(signals, request)?;
    for (name, value) in probe::FIELDS {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    Ok(response)
}

fn unknown(_: &Signals, request: &Request<Incoming>) -> Result<Response<Body>, Rejection> {
    let tenant = tenant(request.extensions())?;
    let mut response = Response::new(text(probe::unknown(&tenant)));
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}

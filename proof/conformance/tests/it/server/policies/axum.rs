use ::axum::Router;
use ::axum::extract::State;
use ::axum::http::StatusCode;
use ::axum::response::IntoResponse;
use ::axum::routing::{MethodRouter, get};
use tenancy_axum::{Tenancy, Tenant, Visitor};
use tenancy_http::TenancyLayer;

use crate::probe::{self, Signals};
use crate::tenants;

pub(in crate::server) fn router(tenancy: &Tenancy, signals: Signals) -> Router {
    let at = |path, method: MethodRouter<Signals>| Router::new().route(path, method);
    let unguarded = at("/unguarded/member", get(member))
        .merge(at("/unguarded/maybe", get(maybe)))
        .merge(at("/unguarded/visitor", get(visitor)));
    let single = at("/scoped", get(member))
        .merge(at("/t/{tenant}", get(member)))
        .merge(at("/varied", get(varied)))
        .layer(tenancy.scoped())
        .merge(at("/optional", get(maybe)).layer(tenancy.optional()))
        .merge(at("/member-in-optional", get(member)).layer(tenancy.optional()))
        .merge(at("/public", get(visitor)).layer(tenancy.public()))
        .merge(at("/member-in-public", get(member)).layer(tenancy.public()))
        .merge(at("/maybe-in-public", get(maybe)).layer(tenancy.public()));
    let table = at("/member", get(member))
        .fallback(|tenant: Tenant| async move { (StatusCode::NOT_FOUND, probe::unknown(&tenant)) })
        .layer(tenancy.scoped());
    unguarded
        .merge(single)
        .merge(nested(tenancy))
        .nest("/table", table)
        .with_state(signals)
}

fn nested(tenancy: &Tenancy) -> Router<Signals> {
    let (scoped, optional, public) = (tenancy.scoped(), tenancy.optional(), tenancy.public());
    let (second, by_path) = (tenants::prompt(), tenants::by_path_for_everyone());
    let at = |path, method: MethodRouter<Signals>, inner: &TenancyLayer, outer: &TenancyLayer| {
        Router::new()
            .route(path, method)
            .layer(inner.clone())
            .layer(outer.clone())
    };
    at("/scoped-in-public", get(visitor), &scoped, &public)
        .merge(at("/public-in-scoped", get(visitor), &public, &scoped))
        .merge(at("/scoped-in-optional", get(visitor), &scoped, &optional))
        .merge(at("/optional-in-scoped", get(maybe), &optional, &scoped))
        .merge(at("/optional-in-public", get(maybe), &optional, &public))
        .merge(at("/scoped-three-times", get(member), &scoped, &scoped).layer(scoped.clone()))
        .merge(at("/another-public-in-scoped", get(visitor), &second.public(), &scoped))
        .merge(at("/t/{tenant}/public", get(visitor), &by_path.public(), &scoped))
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

async fn varied(State(signals): State<Signals>, tenant: Tenant) -> impl IntoResponse {
    (probe::FIELDS, probe::member(&signals, &tenant))
}

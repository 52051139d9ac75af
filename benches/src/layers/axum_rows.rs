use std::hint::black_box;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use tenancy_axum::{Tenancy, Tenant};
use tower::layer::layer_fn;
use tower::{Layer, Service, ServiceExt};

use super::{known, tenancy};
use crate::{Group, Row};

pub(crate) fn group() -> Group {
    let bare = || Router::new().route("/notes", get(async || "notes"));
    let asking = || {
        Router::new().route(
            "/notes",
            get(async |tenant: Tenant| {
                black_box(tenant);
                "notes"
            }),
        )
    };
    let tenancy = Tenancy::from(tenancy());
    Group::default()
        .row(row("bare Router", bare()))
        .row(row("Router::layer of an empty layer", bare().layer(layer_fn(Empty))))
        .row(row(
            "tenancy around the Router, extractor",
            tenancy.scoped().layer(asking()),
        ))
        .against(["bare Router"], 1.25)
        .row(row(
            "tenancy by Router::layer, extractor",
            asking().layer(tenancy.scoped()),
        ))
        .against(["Router::layer of an empty layer"], 1.25)
        .row(row("by hand: from_fn, String, extension, task-local", by_hand()))
        .against(["bare Router"], None)
}

fn row<S, B>(name: &str, service: S) -> Row
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + 'static,
    S::Error: std::fmt::Debug,
{
    let parts = known();
    Row::awaited(name, async move || {
        let request = Request::from_parts(parts.clone(), Body::empty());
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    })
}

/// Does nothing, and does not name the future of what is inside.
#[derive(Clone)]
struct Empty<S>(S);

impl<S: Service<R>, R> Service<R> for Empty<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}

#[derive(Clone)]
struct HandMade(String);

tokio::task_local! {
    static HAND_MADE: String;
}

/// What is written most often: nothing is looked up, and nobody's membership is asked for.
fn by_hand() -> Router {
    async fn bind(mut request: Request, next: Next) -> Response {
        let Some(tenant) = request
            .headers()
            .get("x-tenant-id")
            .and_then(|value| value.to_str().ok())
        else {
            return StatusCode::UNAUTHORIZED.into_response();
        };
        let tenant = tenant.to_owned();
        request.extensions_mut().insert(HandMade(tenant.clone()));
        HAND_MADE.scope(tenant, next.run(request)).await
    }
    async fn notes(axum::Extension(tenant): axum::Extension<HandMade>) -> &'static str {
        black_box(tenant.0);
        "notes"
    }
    Router::new().route("/notes", get(notes)).layer(from_fn(bind))
}

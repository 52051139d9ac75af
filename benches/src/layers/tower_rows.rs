use std::convert::Infallible;

use http::{Request, Response, StatusCode};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{known, tenancy};
use crate::{Group, Row};

/// What hyper calls: a service, without any framework.
pub(crate) fn group() -> Group {
    Group::default()
        .row(row("bare service", service_fn(answer)))
        .row(row("tenancy", tenancy().scoped().layer(service_fn(answer))))
        .against(["bare service"], None)
}

async fn answer(_: Request<String>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("notes".to_owned()))
}

fn row<S, B>(name: &str, service: S) -> Row
where
    S: Service<Request<String>, Response = Response<B>> + Clone + 'static,
    S::Error: std::fmt::Debug,
{
    let parts = known();
    Row::awaited(name, async move || {
        let request = Request::from_parts(parts.clone(), String::new());
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    })
}

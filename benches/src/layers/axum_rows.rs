use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, RwLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CONTENT_TYPE, VARY};
use http::{HeaderValue, StatusCode};
use tenancy_axum::{Tenancy, Tenant};
use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_core::request::VerifiedClaims;
use tower::layer::layer_fn;
use tower::{Layer, Service, ServiceExt};

use super::{Known, known, tenancy};
use crate::{Group, Row};

const SAME_WORK: &str = "by hand: from_fn, look-up, membership, context, Vary, refusals";

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
        .row(row(SAME_WORK, same_work()))
        .against(["bare Router"], None)
        .row(row(
            "tenancy by Router::layer, once more",
            asking().layer(tenancy.scoped()),
        ))
        .against([SAME_WORK], 1.0)
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

/// What a team would write that wants the same: the record out of a map that is cached, whether the caller is a member,
/// the record for the handler and for whatever it awaits, `Vary` on each answer, and refusals that say why.
fn same_work() -> Router {
    type Cached = Arc<RwLock<HashMap<String, Arc<TenantRecord>>>>;

    async fn bind(State(cached): State<Cached>, mut request: Request, next: Next) -> Response {
        let mut response = match find(&cached, &request) {
            Ok(record) => {
                request.extensions_mut().insert(Extension(Arc::clone(&record)));
                RECORD.scope(record, next.run(request)).await
            }
            Err((status, code)) => {
                let problem = format!(
                    r#"{{"type":"about:blank","status":{},"code":"{code}"}}"#,
                    status.as_u16()
                );
                (status, [(CONTENT_TYPE, "application/problem+json")], problem).into_response()
            }
        };
        let vary = HeaderValue::from_static("x-tenant-id, authorization");
        response.headers_mut().append(VARY, vary);
        response
    }

    fn find(cached: &Cached, request: &Request) -> Result<Arc<TenantRecord>, (StatusCode, &'static str)> {
        let mut named = request.headers().get_all("x-tenant-id").iter();
        let (Some(name), None) = (named.next(), named.next()) else {
            return Err((StatusCode::UNAUTHORIZED, "tenant_missing"));
        };
        let name = name.to_str().map_err(|_| (StatusCode::BAD_REQUEST, "tenant_invalid"))?;
        let is_name = !name.is_empty() && name.len() <= 63 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_name {
            return Err((StatusCode::BAD_REQUEST, "tenant_invalid"));
        }
        let claims = request.extensions().get::<Known>();
        let claims = claims.ok_or((StatusCode::UNAUTHORIZED, "credentials_missing"))?;
        let found = cached.read().unwrap().get(name).map(Arc::clone);
        let is_member = |record: &TenantRecord| {
            claims.tenant().is_some_and(|tenant| record.answers_to(tenant)) || claims.lists(record)
        };
        let record = found.filter(|record| record.status == TenantStatus::Active && is_member(record));
        record.ok_or((StatusCode::FORBIDDEN, "not_a_member"))
    }

    async fn notes(axum::Extension(Extension(record)): axum::Extension<Extension>) -> &'static str {
        black_box(record);
        "notes"
    }

    #[derive(Clone)]
    struct Extension(Arc<TenantRecord>);

    let records = ["acme", "t1", "t2"].map(|id| {
        let record = TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap());
        (id.to_owned(), Arc::new(record))
    });
    let cached: Cached = Arc::new(RwLock::new(HashMap::from(records)));
    Router::new()
        .route("/notes", get(notes))
        .layer(from_fn_with_state(cached, bind))
}

tokio::task_local! {
    static RECORD: Arc<TenantRecord>;
}

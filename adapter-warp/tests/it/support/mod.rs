//! A small world to ask: two tenants, a member, and routes that say who they serve.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../../../../adapter-http/tests/it/two_tenants.rs"]
mod two_tenants;

use std::convert::Infallible;

pub use self::two_tenants::{directory, enforcer};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use tenancy_core::context;
use tenancy_core::directory::{Authorizer, Decision, Directory, TenantRecord};
use tenancy_core::enforce::Authorize;
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_http::ClaimsFromExtension;
use tenancy_warp::{Tenancy, Tenant, Visitor};
use tower::ServiceExt;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

pub type Body = Full<bytes::Bytes>;

pub fn tenancy() -> Tenancy {
    of_tower().into()
}

/// The same for a tower layer around the service.
pub fn of_tower() -> tenancy_http::Tenancy {
    tenancy_http::Tenancy::builder(
        enforcer(),
        ClaimsFromExtension::<Claims>::new().with_field("authorization".parse().unwrap()),
        directory(),
    )
    .with_authorizer(directory())
    .build()
}

pub async fn whoami(tenant: Tenant) -> String {
    tokio::task::yield_now().await;
    assert_eq!(context::current().unwrap(), tenant.0);
    format!("{} {} {}", tenant.id(), tenant.resolver(), tenant.subject())
}

pub async fn portal(visit: Visitor) -> String {
    visit.id().to_string()
}

pub fn request(uri: &str, subject: Option<&str>, tenant: Option<&str>) -> Request<Body> {
    let mut request = Request::get(uri).body(Body::default()).unwrap();
    if let Some(subject) = subject {
        request.extensions_mut().insert(Claims::new(subject.parse().unwrap()));
    }
    if let Some(tenant) = tenant {
        request.headers_mut().insert("x-tenant-id", tenant.parse().unwrap());
    }
    request
}

pub fn with_method(method: Method, mut request: Request<Body>) -> Request<Body> {
    *request.method_mut() = method;
    request
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// The status, with the code of a refusal or the body.
    pub fn short(self) -> (u16, String) {
        let body = match serde_json::from_str::<serde_json::Value>(&self.body) {
            Ok(problem) if problem.is_object() => problem["code"].as_str().unwrap().to_owned(),
            _ => self.body,
        };
        (self.status, body)
    }
}

pub async fn send<F, R>(routes: &F, request: Request<Body>) -> Answer
where
    F: Filter<Extract = (R,), Error: Into<Rejection>> + Clone + Send + Sync + 'static,
    R: Reply + 'static,
{
    let response = tenancy_warp::service(routes.clone().map(R::into_response).boxed())
        .oneshot(request)
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    }
}

pub async fn ask<F, R>(routes: &F, uri: &str, subject: Option<&str>, tenant: Option<&str>) -> (u16, String)
where
    F: Filter<Extract = (R,), Error: Into<Rejection>> + Clone + Send + Sync + 'static,
    R: Reply + 'static,
{
    send(routes, request(uri, subject, tenant)).await.short()
}

/// Filters of different types as one.
pub fn erased<F, R>(routes: F) -> BoxedFilter<(Response,)>
where
    F: Filter<Extract = (R,), Error: Into<Rejection>> + Send + Sync + 'static,
    R: Reply + 'static,
{
    routes.map(R::into_response).boxed()
}

pub fn is(status: u16, body: &str) -> (u16, String) {
    (status, body.to_owned())
}

/// A directory and authorizer that let everyone in, and make them wait.
#[derive(Clone, Copy, Debug)]
pub enum Answers {
    Late,
    Never,
}

impl Answers {
    async fn wait(self) {
        match self {
            Self::Late => tokio::task::yield_now().await,
            Self::Never => std::future::pending().await,
        }
    }
}

impl Directory for Answers {
    type Entry = TenantRecord;
    type Error = Infallible;

    async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Infallible> {
        self.wait().await;
        let id = key.as_str().parse().unwrap();
        Ok(Some(TenantRecord::new(id, "row".parse().unwrap())))
    }
}

impl Authorizer for Answers {
    type Error = Infallible;

    async fn authorize(&self, _: &Authorize<'_>) -> Result<Decision, Infallible> {
        self.wait().await;
        Ok(Decision::allow_if(true))
    }
}

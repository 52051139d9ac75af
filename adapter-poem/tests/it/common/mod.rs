//! What the tests share: two tenants, handlers that name theirs, requests as a server makes them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "each test uses its part, and fails by panicking"
)]

#[path = "../../../../adapter-http/tests/it/two_tenants.rs"]
mod two_tenants;

use std::time::Duration;

pub use self::two_tenants::{directory, enforcer};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper_util::rt::TokioIo;
use poem::http::uri::Scheme;
use poem::http::{self, HeaderMap};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Request, RequestParts, handler};
use tenancy_core::context;
use tenancy_core::request::Claims;
use tenancy_http::ClaimsFromExtension;
use tenancy_poem::{MaybeTenant, Tenancy, Tenant, Visitor};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

pub fn tenancy() -> Tenancy {
    Tenancy::builder(
        enforcer(),
        ClaimsFromExtension::<Claims>::new().with_field("authorization".parse().unwrap()),
        directory(),
    )
    .with_authorizer(directory())
    .build()
}

#[handler]
pub async fn whoami(tenant: Tenant) -> String {
    tokio::task::yield_now().await;
    assert_eq!(context::current().unwrap(), tenant.0);
    format!("{} {} {}", tenant.id(), tenant.resolver(), tenant.subject())
}

#[handler]
pub async fn portal(visit: Visitor) -> String {
    visit.id().to_string()
}

#[handler]
pub async fn maybe(MaybeTenant(tenant): MaybeTenant) -> String {
    tenant.map_or_else(|| "none".into(), |tenant| tenant.id().to_string())
}

/// A request as poem's server makes it: with the URI that the client sent.
pub fn request(uri: &str, subject: Option<&str>, tenant: Option<&str>) -> Request {
    let (mut parts, ()) = http::Request::get(uri).body(()).unwrap().into_parts();
    if let Some(subject) = subject {
        parts.extensions.insert(Claims::new(subject.parse().unwrap()));
    }
    if let Some(tenant) = tenant {
        parts.headers.insert("x-tenant-id", tenant.parse().unwrap());
    }
    let parts = RequestParts::from((parts, LocalAddr::default(), RemoteAddr::default(), Scheme::HTTP));
    Request::from_parts(parts, ().into())
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// The status, and the body or the code of the problem document.
    pub fn told(self) -> (u16, String) {
        let body = match serde_json::from_str::<serde_json::Value>(&self.body) {
            Ok(problem) if problem.is_object() => problem["code"].as_str().unwrap().to_owned(),
            _ => self.body,
        };
        (self.status, body)
    }
}

pub async fn send(app: &impl Endpoint, request: Request) -> Answer {
    let mut response = app.get_response(request).await;
    let body: BoxBody<_, _> = response.take_body().into();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(context::bound().is_none(), "the scope has been left");
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body,
    }
}

pub async fn ask(app: &impl Endpoint, uri: &str, subject: Option<&str>, tenant: Option<&str>) -> (u16, String) {
    send(app, request(uri, subject, tenant)).await.told()
}

pub fn is(status: u16, body: &str) -> (u16, String) {
    (status, body.to_owned())
}

/// Serves one connection of HTTP/1.1, whose callers are all alice, until `client` is done with its end.
pub async fn serve<T>(app: impl Endpoint, client: impl AsyncFnOnce(DuplexStream) -> T) -> T {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let service = hyper::service::service_fn(|mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Claims::new("alice".parse().unwrap()));
        let request = Request::from((request, LocalAddr::default(), RemoteAddr::default(), Scheme::HTTP));
        let app = &app;
        async move { Ok::<http::Response<BoxBody<_, _>>, std::convert::Infallible>(app.get_response(request).await.into()) }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(ours), service);
    let exchange = async { tokio::join!(connection.with_upgrades(), client(theirs)) };
    // Only so that a broken answer fails instead of being waited for.
    let (served, told) = tokio::time::timeout(Duration::from_secs(30), exchange).await.unwrap();
    served.unwrap();
    told
}

/// The raw answer to a raw request, which must end the connection.
pub async fn wire(app: impl Endpoint, request: &str) -> String {
    let exchange = async |mut stream: DuplexStream| {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    serve(app, exchange).await
}

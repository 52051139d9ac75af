//! One application, written once in each framework.
//!
//! | path | access policy | answer |
//! |---|---|---|
//! | `/central` | none | whether any scope is there |
//! | `/probe/{what}` | scoped | what [`probe::run`](crate::probe::run) has seen |
//! | `/stream` | scoped | a body of [`pieces`](crate::probe::pieces) |
//! | `/held` | scoped | a body that begins and never ends |
//! | `/events` | scoped | an event for each of the pieces |
//! | `/socket/{how}` | scoped | a WebSocket with a [`socket_task`](crate::probe::socket_task) that echoes |
//!
//! The routes of [`policies`] and of [`callers`] stand beside these.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, HeaderName};
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response};
use http_body::Body;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tenancy_core::request::Claims;
use tenancy_http::Tenancy;
use tokio::net::TcpListener;
use tower::Service;
use tower_http::cors::CorsLayer;

use crate::probe::Signals;

pub(crate) mod axum;
mod callers;
pub(crate) mod hyper;
pub(crate) mod poem;
mod policies;
pub(crate) mod warp;
pub(crate) mod warp_own_cors;

/// Serves the application in one framework, until it is dropped.
pub(crate) type Serve = fn(TcpListener, Application) -> Serving;

pub(crate) type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a framework's application is made with.
pub(crate) struct Application {
    pub(crate) tenancy: Tenancy,
    pub(crate) around: Around,
    pub(crate) signals: Signals,
}

/// What stands around the application, outside tenancy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    Nothing,
    /// A CORS layer: tower-http's, or the framework's own.
    Cors,
    /// The application's own authentication, which knows the caller by the cookie `session`.
    Sessions,
}

/// Starts a server that stops with the runtime.
pub(crate) async fn start(serve: Serve, application: Application) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, application));
    address
}

/// The origin that [`Around::Cors`] allows.
pub(crate) const ORIGIN: &str = "https://app.example.com";

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin([HeaderValue::from_static(ORIGIN)])
        .allow_methods([Method::GET])
        .allow_headers([AUTHORIZATION, HeaderName::from_static("x-tenant-id")])
}

/// What an application's own authentication does: it puts the caller's claims into the extensions.
fn read_session(headers: &HeaderMap, extensions: &mut Extensions) {
    let cookie = headers.get(COOKIE).map(|cookie| cookie.to_str().unwrap());
    if let Some(user) = cookie.and_then(|cookie| cookie.strip_prefix("session=")) {
        extensions.insert(Claims::new(user.parse().unwrap()));
    }
}

/// [`read_session`] for tower.
fn with_session<B>(request: Request<B>) -> Request<B> {
    let (mut parts, body) = request.into_parts();
    read_session(&parts.headers, &mut parts.extensions);
    Request::from_parts(parts, body)
}

/// Serves a tower service over HTTP/1.1 and HTTP/2, with upgrades.
async fn serve_tower<S, B>(listener: TcpListener, service: S)
where
    S: Service<Request<::hyper::body::Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            // A connection that a client abandons is no fault of the server.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                .await;
        });
    }
}

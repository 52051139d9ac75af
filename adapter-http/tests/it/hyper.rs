//! hyper with the tower layer and nothing else, over both HTTP versions.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tenancy_core::context;
use tenancy_core::enforce::Enforcer;
use tenancy_core::names::KeyForm;
use tenancy_core::request::Claims;
use tenancy_core::resolve::{HeaderResolver, PathResolver, ResolverChain, SubdomainResolver};
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{Authenticator, Credentials, SharedClaims, Tenancy};
use tokio::io::{DuplexStream, duplex};
use tower::{ServiceBuilder, service_fn};
use tower_http::cors::CorsLayer;

type Body = UnsyncBoxBody<Bytes, Infallible>;

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// Every request with `authorization` is alice's, and every tenant knows her.
struct Alice;

impl Authenticator for Alice {
    type Error = Infallible;

    async fn authenticate(&self, parts: &Parts) -> Result<Credentials<SharedClaims>, Infallible> {
        Ok(match parts.headers.get("authorization") {
            Some(_) => Credentials::Verified(Arc::new(Claims::new("alice".parse().unwrap()))),
            None => Credentials::Absent,
        })
    }
}

/// The header names the tenant, else the path, else the host.
fn tenancy() -> Tenancy {
    let chain = ResolverChain::new()
        .then(HeaderResolver::new("x-tenant-id".parse().unwrap()))
        .unwrap()
        .then(PathResolver::new("/t/{tenant}".parse().unwrap()).with_form(KeyForm::Id))
        .unwrap()
        .then(SubdomainResolver::new("app.example.com".parse().unwrap()).with_form(KeyForm::Id))
        .unwrap();
    Tenancy::builder(Enforcer::new(chain), Alice, InsecureTestStub)
        .with_authorizer(InsecureTestStub)
        .build()
}

/// Answers with the tenant in a body and in its trailers, each made when it is sent. To a CONNECT or a HEAD
/// with neither: hyper does not leave them out on HTTP/2.
async fn handler(
    request: Request<Incoming>,
) -> Result<Response<StreamBody<impl Stream<Item = Result<Frame<Bytes>, Infallible>>>>, Infallible> {
    let seen = || context::current().unwrap().id().to_string();
    let frames = if [Method::CONNECT, Method::HEAD].contains(request.method()) {
        0
    } else {
        2
    };
    let frames = stream::iter(0..frames).map(move |n| {
        Ok(match n {
            0 => Frame::data(seen().into()),
            _ => Frame::trailers(HeaderMap::from_iter([(
                "x-seen".parse().unwrap(),
                seen().parse().unwrap(),
            )])),
        })
    });
    let mut response = Response::new(StreamBody::new(frames));
    response
        .headers_mut()
        .insert("trailer", HeaderValue::from_static("x-seen"));
    Ok(response)
}

/// A connection to hyper; the client's end of it.
fn serve() -> TokioIo<DuplexStream> {
    let (client, server) = duplex(64 * 1024);
    let service = ServiceBuilder::new().layer(tenancy().scoped()).service_fn(handler);
    tokio::spawn(async move {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http2().enable_connect_protocol();
        let service = TowerToHyperService::new(service);
        let _ = builder
            .serve_connection_with_upgrades(TokioIo::new(server), service)
            .await;
    });
    TokioIo::new(client)
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
    trailers: Option<HeaderMap>,
}

async fn exchange(version: Version, request: Request<Body>) -> Answer {
    let response = if version == Version::HTTP_2 {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), serve()).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    } else {
        let (mut sender, connection) = http1::handshake(serve()).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await.unwrap()
    };
    received(response).await
}

async fn received(response: Response<Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.to_bytes().to_vec()).unwrap(),
        trailers,
    }
}

/// A request without a tenant, of nobody.
fn request(method: Method, uri: &str) -> Request<Body> {
    let mut request = Request::new(Empty::new().boxed_unsync());
    *request.method_mut() = method;
    *request.uri_mut() = uri.parse().unwrap();
    request
        .headers_mut()
        .insert("host", HeaderValue::from_static("localhost"));
    request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
    request
}

fn member(mut request: Request<Body>) -> Request<Body> {
    let headers = request.headers_mut();
    headers.insert("authorization", HeaderValue::from_static("Bearer alice"));
    headers.insert("x-tenant-id", HeaderValue::from_static("acme"));
    request
}

/// On HTTP/2 the authority stands in the URI.
const fn root(version: Version) -> &'static str {
    if matches!(version, Version::HTTP_2) {
        "http://localhost/"
    } else {
        "/"
    }
}

#[tokio::test]
async fn trailers_of_a_response_pass_and_are_made_in_scope() {
    for version in VERSIONS {
        let answer = exchange(version, member(request(Method::GET, root(version)))).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "acme"), "{version:?}");
        let seen = answer.trailers.unwrap().remove("x-seen").unwrap();
        assert_eq!(seen, "acme", "{version:?}");
    }
}

#[tokio::test]
async fn trailers_of_a_request_name_no_tenant() {
    for version in VERSIONS {
        let (mut parts, _) = member(request(Method::POST, root(version))).into_parts();
        let tenant = parts.headers.remove("x-tenant-id").unwrap();
        parts.headers.insert("trailer", HeaderValue::from_static("x-tenant-id"));
        let trailers = HeaderMap::from_iter([("x-tenant-id".parse().unwrap(), tenant)]);
        let frames = [
            Ok(Frame::data(Bytes::from_static(b"hi"))),
            Ok(Frame::trailers(trailers)),
        ];
        let body = StreamBody::new(stream::iter(frames)).boxed_unsync();
        let answer = exchange(version, Request::from_parts(parts, body)).await;
        assert_eq!(answer.status, 401, "{version:?}");
        assert!(answer.body.contains("tenant_required"), "{version:?}");
    }
}

/// The target of a plain CONNECT is an authority: it names no tenant, though a subdomain would.
#[tokio::test]
async fn a_connect_names_a_tenant_by_its_fields_only() {
    for version in VERSIONS {
        let connect = || request(Method::CONNECT, "globex.app.example.com:443");
        let answer = exchange(version, connect()).await;
        assert_eq!(answer.status, 401, "{version:?}");
        assert!(answer.body.contains("tenant_required"), "{version:?}: {}", answer.body);
        let answer = exchange(version, member(connect())).await;
        assert_eq!(answer.status, 200, "{version:?}");
    }
}

/// An extended CONNECT (RFC 8441) has a path and an authority, as any request.
#[tokio::test]
async fn an_extended_connect_is_enforced_as_any_request() {
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), serve()).await.unwrap();
    tokio::spawn(connection);
    // The server says in its first frame whether it takes one, so it has to be heard once.
    let first = sender.send_request(request(Method::GET, "http://localhost/")).await;
    assert_eq!(first.unwrap().status(), 401);
    for (uri, is_member, expected) in [
        ("http://localhost/chat", true, (200, "")),
        ("http://localhost/chat", false, (401, "tenant_required")),
        ("http://localhost/t/globex/chat", false, (401, "credentials_required")),
        (
            "http://globex.app.example.com/chat",
            false,
            (401, "credentials_required"),
        ),
        ("http://localhost/t/GLOBEX/chat", false, (400, "malformed_tenant")),
    ] {
        let mut request = request(Method::CONNECT, uri);
        request.headers_mut().remove("host");
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        let request = if is_member { member(request) } else { request };
        let answer = received(sender.send_request(request).await.unwrap()).await;
        let (status, code) = expected;
        assert_eq!(answer.status, status, "{uri}");
        assert!(answer.body.contains(code), "{uri}: {}", answer.body);
    }
}

/// tower-http's layer answers a preflight with an empty body of the kind that is inside.
#[tokio::test]
async fn a_cors_layer_stands_around_the_bare_service() {
    let service = ServiceBuilder::new()
        .layer(CorsLayer::permissive())
        .layer(tenancy().scoped())
        .service(service_fn(handler));
    let (client, server) = duplex(1024);
    tokio::spawn(async move {
        let service = TowerToHyperService::new(service);
        let builder = Builder::new(TokioExecutor::new());
        let _ = builder.serve_connection(TokioIo::new(server), service).await;
    });
    let (mut sender, connection) = http1::handshake(TokioIo::new(client)).await.unwrap();
    tokio::spawn(connection);
    let preflight = sender.send_request(request(Method::OPTIONS, "/")).await;
    let answer = received(preflight.unwrap()).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let refused = received(sender.send_request(request(Method::GET, "/")).await.unwrap()).await;
    assert_eq!(refused.status, 401);
    assert!(refused.headers.contains_key("access-control-allow-origin"));
}

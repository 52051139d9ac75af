//! What becomes of a body under an access policy, and of a connection that is no longer HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::task::Poll;

use bytes::Bytes;
use futures_util::{SinkExt, stream};
use http_body::{Body as _, Frame};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, StreamBody};
use poem::http::{HeaderMap, Method, StatusCode};
use poem::web::websocket::{Message, WebSocket};
use poem::{Body, Endpoint, EndpointExt, IntoResponse, Response, get, handler};
use tenancy_core::context;
use tenancy_poem::{MaybeTenant, Tenant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::common::{ask, is, request, send, serve, tenancy, whoami, wire};

/// The body that an answer has, not yet read.
async fn body_of(app: &impl Endpoint) -> BoxBody<Bytes, io::Error> {
    let request = request("/", Some("alice"), Some("acme"));
    app.get_response(request).await.into_body().into()
}

#[tokio::test]
async fn a_streamed_body_is_polled_in_scope() {
    #[handler]
    async fn streamed(_: Tenant) -> Body {
        let mut left = 2;
        Body::from_bytes_stream(stream::poll_fn(move |_| {
            let tenant = context::current().unwrap().id().to_string();
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            Poll::Ready(Some(Ok::<_, io::Error>(tenant)))
        }))
    }
    let app = get(streamed).with(tenancy().scoped());
    assert_eq!(ask(&app, "/", Some("alice"), Some("acme")).await, is(200, "acmeacme"));
    assert!(context::bound().is_none());
}

#[tokio::test]
async fn a_body_keeps_its_length_its_end_and_its_trailers() {
    #[handler]
    async fn says_text(_: Tenant) -> &'static str {
        "text"
    }
    #[handler]
    async fn says_nothing(_: Tenant) {}
    #[handler]
    async fn says_trailers(_: Tenant) -> Body {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "7".parse().unwrap());
        let frames = [Frame::data(Bytes::from_static(b"data")), Frame::trailers(trailers)];
        let frames = stream::iter(frames.map(Ok::<_, io::Error>));
        BoxBody::new(StreamBody::new(frames)).into()
    }
    let tenancy = tenancy();
    let text = body_of(&get(says_text).with(tenancy.scoped())).await;
    assert_eq!((text.size_hint().exact(), text.is_end_stream()), (Some(4), false));
    let nothing = body_of(&get(says_nothing).with(tenancy.scoped())).await;
    assert_eq!((nothing.size_hint().exact(), nothing.is_end_stream()), (Some(0), true));
    let trailed = body_of(&get(says_trailers).with(tenancy.scoped()))
        .await
        .collect()
        .await
        .unwrap();
    assert_eq!(trailed.trailers().unwrap()["x-sum"], "7");
    assert_eq!(trailed.to_bytes(), "data");
}

#[tokio::test]
async fn an_answer_on_the_wire_has_its_length() {
    let app = || get(whoami).with(tenancy().scoped());
    let told = wire(
        app(),
        "GET / HTTP/1.1\r\nx-tenant-id: acme\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(told.contains("\r\ncontent-length: 17\r\n"), "{told}");
    assert!(!told.contains("transfer-encoding"), "{told}");
    assert!(told.ends_with("\r\n\r\nacme header alice"), "{told}");
}

#[tokio::test]
async fn a_head_is_a_get_without_a_body() {
    // The access policy sees the HEAD, sees a GET in its place, and lets the extractor refuse.
    let tenancy = tenancy();
    let outside = get(whoami).with(tenancy.scoped()).boxed();
    let inside = get(whoami.with(tenancy.scoped())).boxed();
    let extractor = get(whoami).with(tenancy.optional()).boxed();
    for (name, app) in [("outside", outside), ("inside", inside), ("extractor", extractor)] {
        let get = send(&app, request("/", None, None)).await;
        let mut head = request("/", None, None);
        head.set_method(Method::HEAD);
        let head = send(&app, head).await;
        assert_eq!((head.status, head.body.as_str()), (401, ""), "{name}");
        assert_eq!(head.headers, get.headers, "{name}");
        assert_eq!(head.headers["content-length"], get.body.len().to_string(), "{name}");
    }
}

#[tokio::test]
async fn a_head_has_the_length_that_an_endpoint_knows() {
    #[handler]
    async fn says_hello(_: Tenant) -> &'static str {
        "hello"
    }
    #[handler]
    async fn fails(_: Tenant) -> poem::Result<()> {
        Err(poem::Error::from_string("error", StatusCode::IM_A_TEAPOT))
    }
    let tenancy = tenancy();
    let own = poem::head(says_hello).with(tenancy.scoped()).boxed();
    let error = get(fails).with(tenancy.scoped()).boxed();
    for (status, app) in [(200, own), (418, error)] {
        let mut head = request("/", Some("alice"), Some("acme"));
        head.set_method(Method::HEAD);
        let head = send(&app, head).await;
        assert_eq!((head.status, head.body.as_str()), (status, ""));
        assert_eq!(head.headers["content-length"], "5");
    }
}

#[tokio::test]
async fn a_panic_leaves_nothing_behind() {
    #[handler]
    async fn panics(MaybeTenant(tenant): MaybeTenant) -> &'static str {
        tokio::task::yield_now().await;
        assert!(tenant.is_none(), "thrown");
        "calm"
    }
    let app = get(panics)
        .with(tenancy().optional())
        .with(poem::middleware::CatchPanic::new());
    let thrown = send(&app, request("/", Some("alice"), Some("acme"))).await;
    assert_eq!(thrown.status, 500);
    assert_eq!(ask(&app, "/", None, None).await, is(200, "calm"));
}

const HANDSHAKE: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[handler]
async fn greet(tenant: Tenant, socket: WebSocket) -> Response {
    let upgraded = socket.on_upgrade(move |mut socket| async move {
        assert!(context::bound().is_none(), "the request is over");
        socket.send(Message::text(tenant.id().as_str())).await.unwrap();
    });
    upgraded.into_response()
}

#[tokio::test]
async fn an_upgrade_is_enforced_before_the_101_and_works_after_it() {
    let app = || get(greet).with(tenancy().scoped());
    let greeted = serve(app(), async |mut stream: DuplexStream| {
        let request = format!("GET / HTTP/1.1\r\nx-tenant-id: acme\r\n{HANDSHAKE}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut told = Vec::new();
        while !told.ends_with(b"\x81\x04acme") {
            assert_ne!(
                stream.read_buf(&mut told).await.unwrap(),
                0,
                "{}",
                String::from_utf8_lossy(&told)
            );
        }
        told
    })
    .await;
    let greeted = String::from_utf8_lossy(&greeted);
    assert!(greeted.starts_with("HTTP/1.1 101 "), "{greeted}");
    assert!(
        greeted.contains("\r\nvary: x-tenant-id, authorization\r\n"),
        "{greeted}"
    );

    for (tenant, status) in [("globex", "403"), ("ACME", "400")] {
        let refused = serve(app(), async |mut stream: DuplexStream| {
            let request = format!("GET / HTTP/1.1\r\nx-tenant-id: {tenant}\r\n{HANDSHAKE}");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut told = Vec::new();
            while !told.ends_with(b"}") {
                assert_ne!(stream.read_buf(&mut told).await.unwrap(), 0);
            }
            String::from_utf8(told).unwrap()
        })
        .await;
        assert!(refused.starts_with(&format!("HTTP/1.1 {status} ")), "{refused}");
        assert!(!refused.contains("sec-websocket-accept"), "{refused}");
    }
}

//! What a connection meets, for the tests of every adapter: by a socket, and a client that is not the adapter's.
//!
//! The server is made of a tenancy by the adapter's test. At `/events` it sends an event every few milliseconds, at `/socket` it
//! echoes text and says by a close frame why it ends. It checks each 20 ms.
#![allow(unreachable_pub, reason = "each adapter's tests use it as a module of their own")]

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use tenancy_core::directory::TenantStatus;
use tenancy_http::Tenancy;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::tenure_support::{State, Tenants, alice_for, looking, tenancy};

/// How often the servers check.
pub const INTERVAL: Duration = Duration::from_millis(20);

/// How long a test waits for what must come. It takes much less.
const DEADLINE: Duration = Duration::from_secs(30);

type Change = fn(&mut State);

/// What ends a connection, and by which code the client learns it.
const CHANGES: [(&str, Change, &str); 5] = [
    ("suspended", |now| now.status = TenantStatus::Suspended, "forbidden"),
    ("removed", |now| now.is_member = false, "forbidden"),
    ("demoted", |now| now.roles = &[], "forbidden"),
    ("moved", |now| now.epoch = 1, "unavailable"),
    ("behind", |now| now.is_behind = true, "unavailable"),
];

pub async fn an_event_stream_ends_with_its_tenure(serve: impl AsyncFn(Tenancy) -> SocketAddr) {
    for (name, change, _) in CHANGES {
        let tenants = Tenants::new();
        let mut events = events(serve(looking(&tenants)).await, "alice").await;
        goes_on(&tenants, async || next_event(&mut events).await).await;
        tenants.change(change);
        assert!(ends(&mut events).await, "{name}");
    }
    let mut events = events(serve(tenancy(&Tenants::new())).await, &alice_for(2)).await;
    assert!(ends(&mut events).await, "expired");
}

pub async fn a_web_socket_ends_with_its_tenure(serve: impl AsyncFn(Tenancy) -> SocketAddr) {
    for (name, change, code) in CHANGES {
        let tenants = Tenants::new();
        let mut socket = socket(serve(looking(&tenants)).await, "alice").await;
        goes_on(&tenants, async || echoes(&mut socket).await).await;
        // So does one whose directory cannot be queried, for a while.
        tenants.change(|now| now.is_down = true);
        goes_on(&tenants, async || echoes(&mut socket).await).await;
        tenants.change(|now| now.is_down = false);
        tenants.change(change);
        assert_eq!(closed(&mut socket).await, (1008, code.to_owned()), "{name}");
    }
    let mut socket = socket(serve(tenancy(&Tenants::new())).await, &alice_for(2)).await;
    assert_eq!(closed(&mut socket).await, (1008, "invalid_token".to_owned()), "expired");
}

/// It is served until it has been checked ten times more.
async fn goes_on(tenants: &Tenants, mut is_served: impl AsyncFnMut() -> bool) {
    let enough = tenants.look_ups() + 20;
    let until = async {
        while tenants.look_ups() < enough {
            assert!(is_served().await);
            tokio::time::sleep(INTERVAL / 4).await;
        }
        assert!(is_served().await);
    };
    timeout(DEADLINE, until).await.unwrap();
}

async fn events(address: SocketAddr, authorization: &str) -> Incoming {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::get("/events")
        .header("host", "localhost")
        .header("x-tenant-id", "acme")
        .header("authorization", authorization)
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body()
}

async fn next_event(events: &mut Incoming) -> bool {
    let frame = timeout(DEADLINE, events.frame()).await.unwrap();
    frame.is_some_and(|frame| frame.is_ok())
}

async fn ends(events: &mut Incoming) -> bool {
    let end = async { while events.frame().await.is_some_and(|frame| frame.is_ok()) {} };
    timeout(DEADLINE, end).await.is_ok()
}

type Socket = WebSocketStream<TcpStream>;

async fn socket(address: SocketAddr, authorization: &str) -> Socket {
    let mut request = format!("ws://{address}/socket").into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("x-tenant-id", "acme".parse().unwrap());
    headers.insert("authorization", authorization.parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    client_async(request, stream).await.unwrap().0
}

async fn echoes(socket: &mut Socket) -> bool {
    socket.send(Message::text("hello")).await.unwrap();
    match timeout(DEADLINE, socket.next()).await.unwrap() {
        Some(Ok(message)) => message == Message::text("hello acme"),
        _ => false,
    }
}

/// With which code and reason the server closes the connection.
async fn closed(socket: &mut Socket) -> (u16, String) {
    let end = async {
        loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Close(Some(frame)) => return (frame.code.into(), frame.reason.to_string()),
                Message::Close(None) => return (0, String::new()),
                _ => {}
            }
        }
    };
    timeout(DEADLINE, end).await.unwrap()
}

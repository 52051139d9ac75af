//! WebSockets and server-sent events end with their tenure.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../adapter-http/tests/it/tenure/scenarios.rs"]
mod scenarios;
#[path = "../../../adapter-http/tests/it/tenure/support.rs"]
mod tenure_support;

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures_util::stream;
use tenancy_axum::{Tenancy, Tenant, Tenure};
use tenancy_core::context;
use tokio::net::TcpListener;

use self::scenarios::INTERVAL;

async fn events(tenure: Tenure) -> Response {
    let events = stream::unfold((), |()| async {
        tokio::time::sleep(INTERVAL / 4).await;
        let tenant = context::current().unwrap();
        Some((Ok::<_, Infallible>(Event::default().data(tenant.id().as_str())), ()))
    });
    Sse::new(tenure.0.with_interval(INTERVAL).while_admitted(events)).into_response()
}

async fn socket(tenant: Tenant, tenure: Tenure, upgrade: WebSocketUpgrade) -> Response {
    let tenure = tenure.0.with_interval(INTERVAL);
    upgrade.on_upgrade(move |socket| context::scope(tenant.0, echo(socket, tenure)))
}

async fn echo(mut socket: WebSocket, mut tenure: tenancy_axum::tenancy_http::Tenure) {
    loop {
        let message = tokio::select! {
            ended = tenure.ended() => {
                let (code, reason) = (1008, ended.code().into());
                let _ = socket.send(Message::Close(Some(CloseFrame { code, reason }))).await;
                return;
            }
            message = socket.recv() => message,
        };
        let Some(Ok(Message::Text(text))) = message else { return };
        let tenant = context::current().unwrap();
        if socket.send(format!("{text} {}", tenant.id()).into()).await.is_err() {
            return;
        }
    }
}

async fn serve(tenancy: tenancy_axum::tenancy_http::Tenancy) -> SocketAddr {
    let app = Router::new()
        .route("/events", get(events))
        .route("/socket", any(socket))
        .layer(Tenancy::from(tenancy).scoped());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test]
async fn an_event_stream_ends_with_its_tenure() {
    scenarios::an_event_stream_ends_with_its_tenure(serve).await;
}

#[tokio::test]
async fn a_web_socket_ends_with_its_tenure() {
    scenarios::a_web_socket_ends_with_its_tenure(serve).await;
}

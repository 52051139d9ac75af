//! WebSockets and server-sent events end with their tenure.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../adapter-http/tests/it/tenure/scenarios.rs"]
mod scenarios;
#[path = "../../../adapter-http/tests/it/tenure/support.rs"]
mod tenure_support;

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt, stream};
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::sse::{Event, SSE};
use poem::web::websocket::{CloseCode, Message, WebSocket, WebSocketStream};
use poem::{EndpointExt, IntoResponse, Response, Route, Server, get, handler};
use tenancy_core::context;
use tenancy_poem::{Tenancy, Tenant, Tenure};

use self::scenarios::INTERVAL;

#[handler]
async fn send_events(tenure: Tenure) -> SSE {
    let events = stream::unfold((), |()| async {
        tokio::time::sleep(INTERVAL / 4).await;
        let tenant = context::current().unwrap();
        Some((Event::message(tenant.id().to_string()), ()))
    });
    SSE::new(tenure.0.with_interval(INTERVAL).while_admitted(events))
}

#[handler]
async fn open_socket(tenant: Tenant, tenure: Tenure, upgrade: WebSocket) -> Response {
    let tenure = tenure.0.with_interval(INTERVAL);
    let upgraded = upgrade.on_upgrade(move |socket| context::scope(tenant.0, echo(socket, tenure)));
    upgraded.into_response()
}

async fn echo(mut socket: WebSocketStream, mut tenure: tenancy_poem::tenancy_http::Tenure) {
    loop {
        let message = tokio::select! {
            ended = tenure.ended() => {
                let close = Message::close_with(CloseCode::from(1008), ended.code());
                let _ = socket.send(close).await;
                return;
            }
            message = socket.next() => message,
        };
        let Some(Ok(Message::Text(text))) = message else { return };
        let tenant = context::current().unwrap();
        if socket
            .send(Message::text(format!("{text} {}", tenant.id())))
            .await
            .is_err()
        {
            return;
        }
    }
}

async fn serve(tenancy: tenancy_poem::tenancy_http::Tenancy) -> SocketAddr {
    let app = Route::new()
        .at("/events", get(send_events))
        .at("/socket", get(open_socket))
        .with(Tenancy::from(tenancy).scoped());
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = *acceptor.local_addr().first().unwrap().as_socket_addr().unwrap();
    tokio::spawn(Server::new_with_acceptor(acceptor).run(app));
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

//! WebSockets and server-sent events end with their tenure.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../adapter-http/tests/it/tenure/scenarios.rs"]
mod scenarios;
#[path = "../../../adapter-http/tests/it/tenure/support.rs"]
mod tenure_support;

use std::convert::Infallible;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt, stream};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tenancy_core::context;
use tenancy_warp::{Tenancy, Tenant, Tenure};
use tokio::net::TcpListener;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::sse::Event;
use warp::ws::{Message, WebSocket, Ws};

use self::scenarios::INTERVAL;

async fn events(tenure: Tenure) -> impl warp::Reply {
    let events = stream::unfold((), |()| async {
        tokio::time::sleep(INTERVAL / 4).await;
        let tenant = context::current().unwrap();
        Some((Ok::<_, Infallible>(Event::default().data(tenant.id().as_str())), ()))
    });
    warp::sse::reply(tenure.0.with_interval(INTERVAL).while_admitted(events))
}

async fn socket(tenant: Tenant, tenure: Tenure, upgrade: Ws) -> impl warp::Reply {
    let tenure = tenure.0.with_interval(INTERVAL);
    upgrade.on_upgrade(move |socket| context::scope(tenant.0, echo(socket, tenure)))
}

async fn echo(mut socket: WebSocket, mut tenure: tenancy_warp::tenancy_http::Tenure) {
    loop {
        let message = tokio::select! {
            ended = tenure.ended() => {
                let _ = socket.send(Message::close_with(1008_u16, ended.code())).await;
                return;
            }
            message = socket.next() => message,
        };
        let Some(Ok(message)) = message else { return };
        let Ok(text) = message.to_str() else { return };
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

fn routes(tenancy: &Tenancy) -> BoxedFilter<(Response,)> {
    let events = warp::path!("events").and(tenancy_warp::tenure()).then(events);
    let socket = warp::path!("socket")
        .and(tenancy_warp::tenant())
        .and(tenancy_warp::tenure())
        .and(warp::ws())
        .then(socket);
    tenancy.scoped(events).or(tenancy.scoped(socket)).unify().boxed()
}

async fn serve(tenancy: tenancy_warp::tenancy_http::Tenancy) -> SocketAddr {
    let service = TowerToHyperService::new(tenancy_warp::service(routes(&tenancy.into())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, service) = (TokioIo::new(listener.accept().await.unwrap().0), service.clone());
            tokio::spawn(async move {
                let http = Builder::new(TokioExecutor::new());
                let _ = http.serve_connection_with_upgrades(stream, service).await;
            });
        }
    });
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

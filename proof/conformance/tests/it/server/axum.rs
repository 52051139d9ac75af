use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures_util::{Stream, StreamExt};
use tenancy_axum::Tenancy;
use tokio::net::TcpListener;
use tower::util::MapRequestLayer;

use super::{Application, Around, Serving, callers, cors, policies, serve_tower, with_session};
use crate::probe;

pub(crate) fn serve(listener: TcpListener, application: Application) -> Serving {
    Box::pin(serve_tower(listener, router(application)))
}

fn router(application: Application) -> Router {
    let Application {
        tenancy,
        around,
        signals,
    } = application;
    let tenancy = Tenancy::from(tenancy);
    let policies =
        policies::axum::router(&tenancy, signals.clone()).merge(callers::axum::router(&tenancy, signals.clone()));
    let scoped = Router::new()
        .route(
            "/probe/{what}",
            get(|Path(what)| async move { probe::run(what, signals).await }),
        )
        .route(
            "/stream",
            get(|| async { Body::from_stream(probe::stream::<Infallible>()) }),
        )
        .route(
            "/held",
            get(|| async { Body::from_stream(probe::held::<Infallible>()) }),
        )
        .route("/events", get(events))
        .route("/socket/{how}", get(socket))
        .layer(tenancy.scoped());
    let app = Router::new()
        .route("/central", get(|| async { probe::central() }))
        .merge(policies)
        .merge(scoped);
    match around {
        Around::Nothing => app,
        Around::Cors => app.layer(cors()),
        Around::Sessions => app.layer(MapRequestLayer::new(with_session::<Body>)),
    }
}

async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(probe::pieces().map(|piece| Ok(Event::default().data(piece))))
}

async fn socket(Path(how): Path<String>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(probe::socket_task(how, |mut socket: WebSocket| async move {
        while let Some(Ok(Message::Text(text))) = socket.recv().await {
            let answer = probe::echo(&text).await;
            socket.send(Message::text(answer)).await.unwrap();
        }
    }))
}

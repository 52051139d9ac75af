use std::convert::Infallible;

use futures_util::{SinkExt, StreamExt};
use hyper::body::Incoming;
use tenancy_warp::{Tenancy, enforce};
use tokio::net::TcpListener;
use tower::Layer;
use tower::util::MapRequestLayer;
use warp::sse::Event;
use warp::ws::{Message, WebSocket, Ws};
use warp::{Filter, Rejection, Reply};

use super::{Application, Around, Serving, callers, cors, policies, serve_tower, with_session};
use crate::probe::{self, Signals};

pub(crate) fn serve(listener: TcpListener, application: Application) -> Serving {
    let around = application.around;
    let service = tenancy_warp::service(routes(application.tenancy, application.signals));
    match around {
        Around::Nothing => Box::pin(serve_tower(listener, service)),
        Around::Cors => Box::pin(serve_tower(listener, cors().layer(service))),
        Around::Sessions => Box::pin(serve_tower(
            listener,
            MapRequestLayer::new(with_session::<Incoming>).layer(service),
        )),
    }
}

/// Each route asks behind its path and before its method, so that every method is enforced.
pub(super) fn routes(
    tenancy: tenancy_http::Tenancy,
    signals: Signals,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone + Send + Sync + 'static {
    let tenancy = Tenancy::from(tenancy);
    let policies = policies::warp::routes(&tenancy, &signals)
        .or(callers::warp::routes(&tenancy, &signals))
        .unify();
    let probe = warp::path!("probe" / String)
        .and(enforce())
        .and(warp::get())
        .then(move |what| probe::run(what, signals.clone()));
    let stream = warp::path!("stream")
        .and(enforce())
        .and(warp::get())
        .map(|| warp::reply::stream(probe::stream::<Infallible>()));
    let held = warp::path!("held")
        .and(enforce())
        .and(warp::get())
        .map(|| warp::reply::stream(probe::held::<Infallible>()));
    let events = warp::path!("events").and(enforce()).and(warp::get()).map(|| {
        let events = probe::pieces().map(|piece| Ok::<_, Infallible>(Event::default().data(piece)));
        warp::sse::reply(events)
    });
    let socket = warp::path!("socket" / String)
        .and(enforce())
        .and(warp::ws())
        .map(socket);
    let scoped = tenancy.scoped(probe.or(stream).or(held).or(events).or(socket));
    // The central one last: its requests have tried the access policy before, and are not bound by it.
    scoped.or(policies).or(warp::path!("central").map(probe::central))
}

fn socket(how: String, upgrade: Ws) -> impl Reply {
    upgrade.on_upgrade(probe::socket_task(how, |mut socket: WebSocket| async move {
        while let Some(Ok(message)) = socket.next().await {
            let Ok(text) = message.to_str() else { break };
            let answer = probe::echo(text).await;
            socket.send(Message::text(answer)).await.unwrap();
        }
    }))
}

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::uri::Scheme;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use poem::endpoint::BoxEndpoint;
use poem::middleware::Cors;
use poem::web::sse::{Event, SSE};
use poem::web::websocket::{Message, WebSocket, WebSocketStream};
use poem::web::{Data, LocalAddr, Path, RemoteAddr};
use poem::{Body, Endpoint, EndpointExt, IntoResponse, Request, Route, get, handler};
use tenancy_poem::Tenancy;
use tokio::net::TcpListener;
use tower::service_fn;

use super::{Application, Around, ORIGIN, Serving, callers, policies, read_session, serve_tower};
use crate::probe::{self, Signals};

/// As poem's own server does it, which goes on with an HTTP/1.1 request whose client has left. This one
/// drops it, as the servers of the other frameworks do.
pub(crate) fn serve(listener: TcpListener, application: Application) -> Serving {
    let endpoint = Arc::new(endpoint(application));
    let service = service_fn(move |request: http::Request<Incoming>| {
        let endpoint = Arc::clone(&endpoint);
        async move {
            let request = (request, LocalAddr::default(), RemoteAddr::default(), Scheme::HTTP).into();
            Ok::<_, Infallible>(endpoint.get_response(request).await.into())
        }
    });
    Box::pin(serve_tower::<_, BoxBody<Bytes, _>>(listener, service))
}

fn endpoint(application: Application) -> BoxEndpoint<'static> {
    let Application {
        tenancy,
        around,
        signals,
    } = application;
    let tenancy = Tenancy::from(tenancy);
    let scoped = Route::new()
        .at("/probe/:what", get(what).data(signals.clone()))
        .at("/stream", get(stream))
        .at("/held", get(held))
        .at("/events", get(events))
        .at("/socket/:how", get(socket))
        .with(tenancy.scoped());
    let app = Route::new().at("/central", get(central)).nest("/", scoped);
    let app = callers::poem::routes(app, &tenancy, &signals);
    let app = policies::poem::routes(app, &tenancy, signals);
    match around {
        Around::Nothing => app.boxed(),
        Around::Cors => app
            .with(
                Cors::new()
                    .allow_origin(ORIGIN)
                    .allow_method("GET")
                    .allow_headers(["authorization", "x-tenant-id"]),
            )
            .boxed(),
        Around::Sessions => app.before(with_session).boxed(),
    }
}

async fn with_session(mut request: Request) -> poem::Result<Request> {
    let headers = request.headers().clone();
    read_session(&headers, request.extensions_mut());
    Ok(request)
}

#[handler]
fn central() -> &'static str {
    probe::central()
}

#[handler]
async fn what(Path(what): Path<String>, Data(signals): Data<&Signals>) -> String {
    probe::run(what, signals.clone()).await
}

#[handler]
fn stream() -> Body {
    Body::from_bytes_stream(probe::stream::<std::io::Error>())
}

#[handler]
fn held() -> Body {
    Body::from_bytes_stream(probe::held::<std::io::Error>())
}

#[handler]
fn events() -> SSE {
    SSE::new(probe::pieces().map(Event::message))
}

#[handler]
fn socket(Path(how): Path<String>, socket: WebSocket) -> impl IntoResponse {
    socket.on_upgrade(probe::socket_task(how, |mut socket: WebSocketStream| async move {
        while let Some(Ok(Message::Text(text))) = socket.next().await {
            let answer = probe::echo(&text).await;
            socket.send(Message::text(answer)).await.unwrap();
        }
    }))
}

//! hyper with the tower layer alone: what any server without a framework does.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};

use super::{Application, Around, Serving, callers, cors, policies, serve_tower, with_session};
use crate::frame;
use crate::probe::{self, Signals};

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;
pub(super) type BoxService = BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>;

pub(crate) fn serve(listener: TcpListener, application: Application) -> Serving {
    Box::pin(serve_tower(listener, service(application)))
}

fn service(application: Application) -> BoxService {
    let Application {
        tenancy,
        around,
        signals,
    } = application;
    let policies = policies::hyper::routes(&tenancy, &signals);
    let (own, own_signals) = (tenancy.clone(), signals.clone());
    let scoped = service_fn(move |request| scoped(request, signals.clone()));
    let scoped = tenancy.scoped().layer(scoped);
    let app = service_fn(move |request: Request<Incoming>| {
        let scoped = scoped.clone();
        let path = request.uri().path();
        let guarded = policies::hyper::find(&policies, path).or_else(|| callers::hyper::find(&own, &own_signals, path));
        async move {
            if let Some(guarded) = guarded {
                return guarded.oneshot(request).await;
            }
            if request.uri().path() == "/central" {
                return Ok(Response::new(text(probe::central())));
            }
            let response = scoped.oneshot(request).await?;
            Ok::<_, Infallible>(response.map(BodyExt::boxed_unsync))
        }
    });
    match around {
        Around::Nothing => BoxService::new(app),
        Around::Cors => BoxService::new(cors().layer(app)),
        Around::Sessions => BoxService::new(app.map_request(with_session)),
    }
}

async fn scoped(request: Request<Incoming>, signals: Signals) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    if let Some(what) = path.strip_prefix("/probe/") {
        return Ok(Response::new(text(probe::run(what.to_owned(), signals).await)));
    }
    if let Some(how) = path.strip_prefix("/socket/") {
        let how = how.to_owned();
        return Ok(socket(how, request));
    }
    Ok(match path {
        "/stream" => streamed(probe::stream()),
        "/held" => streamed(probe::held()),
        _ => empty(StatusCode::NOT_FOUND),
    })
}

fn streamed(pieces: impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static) -> Response<Body> {
    let frames = pieces.map(|piece| piece.map(Frame::data));
    Response::new(StreamBody::new(frames).boxed_unsync())
}

fn socket(how: String, request: Request<Incoming>) -> Response<Body> {
    let task = probe::socket_task(how, |mut socket: TokioIo<Upgraded>| async move {
        while let Some(text) = frame::receive(&mut socket).await {
            frame::send(&mut socket, &probe::echo(&text).await, false).await;
        }
    });
    tokio::spawn(async move {
        let socket = hyper::upgrade::on(request).await.unwrap();
        task(TokioIo::new(socket)).await;
    });
    let mut response = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    response
}

pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(text(""));
    *response.status_mut() = status;
    response
}

pub(super) fn text(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
}

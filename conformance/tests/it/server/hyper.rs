//! hyper with the tower layer alone: what any server without a framework does.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};

use super::{Application, Around, Serving, cors, serve_tower, with_session};
use crate::probe::{self, Signals};

type Body = UnsyncBoxBody<Bytes, Infallible>;
type BoxService = BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>;

pub(crate) fn serve(listener: TcpListener, application: Application) -> Serving {
    Box::pin(serve_tower(listener, service(application)))
}

fn service(application: Application) -> BoxService {
    let Application {
        tenancy,
        around,
        signals,
    } = application;
    let scoped = service_fn(move |request| scoped(request, signals.clone()));
    let scoped = tenancy.scoped().layer(scoped);
    let app = service_fn(move |request: Request<Incoming>| {
        let scoped = scoped.clone();
        async move {
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
    Ok(match path {
        "/stream" => {
            let frames = probe::stream().map(|piece| piece.map(Frame::data));
            Response::new(StreamBody::new(frames).boxed_unsync())
        }
        _ => {
            let mut response = Response::new(text(""));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    })
}

fn text(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
}

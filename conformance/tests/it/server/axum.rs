use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::routing::get;
use tenancy_axum::Tenancy;
use tokio::net::TcpListener;
use tower::util::MapRequestLayer;

use super::{Application, Around, Serving, cors, serve_tower, with_session};
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
    let scoped = Router::new()
        .route(
            "/probe/{what}",
            get(|Path(what)| async move { probe::run(what, signals).await }),
        )
        .route("/stream", get(|| async { Body::from_stream(probe::stream()) }))
        .layer(Tenancy::from(tenancy).scoped());
    let app = Router::new()
        .route("/central", get(|| async { probe::central() }))
        .merge(scoped);
    match around {
        Around::Nothing => app,
        Around::Cors => app.layer(cors()),
        Around::Sessions => app.layer(MapRequestLayer::new(with_session::<Body>)),
    }
}

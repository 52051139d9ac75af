//! warp with its own CORS filter, instead of tower-http's layer.

use ::warp::Filter;
use tokio::net::TcpListener;

use super::{Application, Around, ORIGIN, Serving, serve_tower, warp::routes};

pub(crate) fn serve(listener: TcpListener, application: Application) -> Serving {
    let Application {
        tenancy,
        around,
        signals,
    } = application;
    let routes = routes(tenancy, signals);
    if around != Around::Cors {
        return Box::pin(serve_tower(listener, tenancy_warp::service(routes)));
    }
    let cors = ::warp::cors()
        .allow_origin(ORIGIN)
        .allow_method("GET")
        .allow_headers(["authorization", "x-tenant-id"])
        .build();
    Box::pin(serve_tower(listener, tenancy_warp::service(routes.with(cors))))
}

//! The application on each web framework.

mod axum;
mod hyper;
mod poem;
mod warp;

pub(crate) use self::axum::router as axum;
pub(crate) use self::hyper::service as hyper;
pub(crate) use self::poem::service as poem;
pub(crate) use self::warp::service as warp;

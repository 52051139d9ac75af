//! The application on each web framework.

mod axum;
mod hyper;

pub(crate) use self::axum::router as axum;
pub(crate) use self::hyper::service as hyper;

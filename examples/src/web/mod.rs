//! The application on each web framework.

mod axum;
mod poem;

pub(crate) use self::axum::router as axum;
pub(crate) use self::poem::service as poem;

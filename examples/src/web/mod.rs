//! The application on each web framework.

mod axum;

pub(crate) use self::axum::router as axum;

//! The tests of `tenancy-axum`, in one binary.

mod config;
mod long_lived;
mod routing;

//! The tests of `tenancy-poem`, in one binary.

mod common;

mod bodies;
mod config;
mod openapi;
mod policies;
mod routing;

//! The tests of `tenancy-poem`, in one binary.

mod common;

mod bodies;
mod config;
mod long_lived;
mod openapi;
mod policies;
mod routing;

//! The tests of `tenancy-poem`, in one binary.

mod common;

mod bodies;
mod openapi;
mod policies;
mod routing;

//! The tests of `tenancy-core`, in one binary.

mod allocations;
mod authorizers;
mod context;
mod corpus;
mod enforcement;
mod properties;
mod surface;

//! The tests of `tenancy-core`, in one binary.

mod allocations;
mod authorizers;
mod built_in;
mod context;
mod corpus;
mod enforcement;
mod properties;
mod surface;

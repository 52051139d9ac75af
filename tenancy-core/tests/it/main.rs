//! The tests of `tenancy-core`, in one binary.

mod again;
mod allocations;
mod authorizers;
mod built_in;
mod context;
mod corpus;
mod enforcement;
mod lent_entries;
mod lifecycle;
mod properties;
mod public_claims;
mod surface;

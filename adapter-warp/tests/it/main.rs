//! The tests of `tenancy-warp`, in one binary.

mod config;
mod long_lived;
mod support;

mod masking;
mod policies;
mod scope;

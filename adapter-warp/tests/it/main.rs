//! The tests of `tenancy-warp`, in one binary.

mod support;

mod marks;
mod masking;
mod scope;

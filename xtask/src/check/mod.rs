//! Steps of `cargo xtask ci` that are more than one command of cargo.

pub(crate) mod core_tree;
pub(crate) mod features;
pub(crate) mod foreign;
pub(crate) mod no_std;

//! Steps of `cargo xtask ci` that are more than one command of cargo.

pub(crate) mod core_tree;
pub(crate) mod error_texts;
pub(crate) mod features;
pub(crate) mod foreign;
pub(crate) mod links;
pub(crate) mod msrv;
pub(crate) mod no_std;
pub(crate) mod packages;
pub(crate) mod public_api;
mod tracked;
pub(crate) mod words;

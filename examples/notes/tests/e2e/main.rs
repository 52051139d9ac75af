//! What `notes` answers, seen from outside: the real binary, real sockets, and exact bytes.
//!
//! What one request shows is a row of the corpus, which [`corpus`] sends to every framework. The other modules hold what
//! a row cannot say: several requests, a configuration or a token of their own, exact bytes.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod client;
mod service;

mod alike;
mod answers;
mod cache;
mod commands;
mod configuration;
mod corpus;
mod demo;
mod interleaved;
mod members;
mod methods;
mod notes;
mod page;
mod serving;
mod tokens;

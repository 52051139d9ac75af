//! What `notes` answers, seen from outside: the real binary, real sockets, and exact bytes.
//!
//! Each module covers a subject of the rules. Most tests are tables, a row per rule: a request and its [`answer`].
//!
//! [`answer`]: crate::answer::answer

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod answer;
mod framework;
mod postgres;
mod raw;
mod refused;
mod server;
mod setup;
mod streams;
mod token;

mod alike;
mod answers;
mod cache;
mod commands;
mod configuration;
mod configuration_tenants;
mod configuration_tokens;
mod conflict;
mod corpus;
mod data;
mod demo;
mod disclosure;
mod forwarding;
mod header;
mod host;
mod http2;
mod interleaved;
mod members;
mod membership;
mod methods;
mod path;
mod query_cookie;
mod resolvers;
mod tokens;
mod vary;

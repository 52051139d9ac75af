//! A client of gRPC against a server of gRPC, over a socket.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod endless;
mod long_lived;
mod observed;
#[path = "../../../../adapter-http/tests/it/tenure/support.rs"]
mod tenure_support;
mod web;
mod wire;

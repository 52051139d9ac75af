//! Connections that outlast their admission.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bodies;
mod checks;
mod ends;
mod support;

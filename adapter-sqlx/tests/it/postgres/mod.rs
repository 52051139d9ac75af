//! Tenants on PostgreSQL. `DATABASE_URL` names a server; `cargo xtask test` starts one.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod adoption;
mod citus;
pub(crate) mod connection;
mod database;
mod directory;
mod drift;
mod fence;
mod recipes;
mod removal;
mod row;
mod schema;
mod serving;
pub(crate) mod support;
pub(crate) mod verify;
mod versions;

//! The real binary, on SQLite and on PostgreSQL.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod confirmation;
mod crash;
mod each_statement;
mod events;
mod explain;
mod faults;
mod fence;
mod findings;
mod init;
mod life;
mod migrate;
mod operators;
mod settings;
mod sql;
mod support;
mod table;

//! The tests of leaks once more, through PgBouncer in transaction mode: all transactions of a test share one
//! connection to each database. `cargo xtask test` starts it.
#![cfg(feature = "postgres")]
#![allow(dead_code, reason = "what the tests share has more than these need")]
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

const BY_POOLER: bool = true;

#[path = "../postgres/cancel.rs"]
mod cancel;
#[path = "../postgres/database.rs"]
mod database;
#[path = "../postgres/database_server.rs"]
mod database_server;
#[path = "../postgres/leaks.rs"]
mod leaks;
mod missing_database;
#[path = "../postgres/row.rs"]
mod row;
mod saturated;
#[path = "../postgres/schema.rs"]
mod schema;
#[path = "../postgres/schema_cancel.rs"]
mod schema_cancel;
#[path = "../postgres/schema_server.rs"]
mod schema_server;
#[path = "../postgres/server.rs"]
mod server;

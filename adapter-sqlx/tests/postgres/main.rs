//! Tenants on PostgreSQL. `DATABASE_URL` names a server; `cargo xtask test` starts one.
#![cfg(feature = "postgres")]
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

/// Not through PgBouncer; see `tests/pooler`.
const BY_POOLER: bool = false;

mod administrator;
mod adopt;
mod cancel;
mod changes;
mod citus;
mod commit;
mod concurrency;
mod creation;
mod database;
mod database_direct;
mod database_provision;
mod database_server;
mod directory;
mod directory_open;
mod directory_writes;
mod error_kind;
mod foreign_errors;
mod identifiers;
mod leaks;
mod lifecycle;
mod network;
mod odd_ends;
mod odd_shapes;
mod open;
mod open_grants;
mod open_migrations;
mod open_odd;
mod open_roles;
mod outside;
mod presets;
mod removal;
mod removal_graph;
mod removal_server;
mod round_trips;
mod row;
mod run;
mod runtimes;
mod schema;
mod schema_cancel;
mod schema_provision;
mod schema_removal;
mod schema_server;
mod server;
mod sessions;
mod verify;
mod verify_children;
mod verify_faults;
mod verify_keys;
mod verify_planted;
mod verify_presets;
mod verify_roles;
mod verify_runs_as_owner;
mod verify_views;

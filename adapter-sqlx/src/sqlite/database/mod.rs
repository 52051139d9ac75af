//! The strategy `database` on SQLite: a file for each tenant.

mod open_pools;
mod strategy;
mod tenant_file;

pub use strategy::{SqliteDatabaseOptions, SqliteDatabaseStrategy};

//! The strategy `database` on SQLite: a file for each tenant.

mod builder;
mod fence;
mod open_pools;
mod strategy;
mod tenant_file;

pub use builder::SqliteDatabaseBuilder;
pub use strategy::SqliteDatabaseStrategy;

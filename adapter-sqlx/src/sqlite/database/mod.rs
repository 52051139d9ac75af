//! The strategy `database` on SQLite: a file for each tenant.

mod builder;
mod fence;
mod open_pools;
#[cfg(test)]
mod open_pools_tests;
mod strategy;
mod tenant_file;
mod tenant_pools;

pub use builder::SqliteDatabaseBuilder;
pub use strategy::SqliteDatabaseStrategy;

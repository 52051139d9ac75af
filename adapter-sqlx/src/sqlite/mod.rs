//! Tenants on SQLite: a room for each strategy, the connections that they share, and the directory.

mod answers;
mod attempt;
mod begin;
mod clean;
mod commit;
mod connections;
mod database;
mod directory;
mod drift;
mod fence;
mod migrate;
mod migrate_steps;
mod pool;
mod row;
mod testing;
mod versions;
mod warm_pool;

pub use database::{SqliteDatabaseBuilder, SqliteDatabaseStrategy};
pub use directory::SqliteDirectory;
pub use row::{SqliteRowBuilder, SqliteRowStrategy, TenantTable, TenantTableError, UnsafeSchema};
pub use testing::InsecureTestStrategy;

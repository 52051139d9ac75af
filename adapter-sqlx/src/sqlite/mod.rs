//! SQLite.

mod catalog;
mod database;
mod directory;
mod migrate;
mod open_pools;
mod pool;
mod row;
mod table;
mod testing;
mod views;

pub use catalog::UnsafeSchema;
pub use database::{SqliteDatabaseOptions, SqliteDatabaseStrategy};
pub use directory::SqliteDirectory;
pub use row::{SqliteRowOptions, SqliteRowStrategy};
pub use table::{TenantTable, TenantTableError};
pub use testing::InsecureTestStrategy;

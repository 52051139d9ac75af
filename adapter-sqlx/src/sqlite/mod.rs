//! SQLite.

mod catalog;
mod commit_guard;
mod connections;
mod database;
mod declarations;
mod directory;
mod exposure;
mod migrate;
mod open_pools;
mod pool;
mod removal;
mod row;
mod row_pool;
mod table;
mod tenant_file;
mod testing;
mod unsafe_schema;
mod views;
mod virtual_table;

pub use database::{SqliteDatabaseOptions, SqliteDatabaseStrategy};
pub use directory::SqliteDirectory;
pub use row::{SqliteRowOptions, SqliteRowStrategy};
pub use table::{TenantTable, TenantTableError};
pub use testing::InsecureTestStrategy;
pub use unsafe_schema::UnsafeSchema;

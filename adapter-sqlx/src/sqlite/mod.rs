//! SQLite.

mod catalog;
mod database;
mod directory;
mod migrate;
mod open_pools;
mod pool;
mod row;
mod table;
mod tenant;
mod testing;
mod upsert;
mod views;

pub use catalog::UnsafeSchema;
pub use database::{SqliteDatabaseOptions, SqliteDatabaseStrategy};
pub use directory::{DirectoryError, SqliteDirectory};
pub use row::{SqliteRowOptions, SqliteRowStrategy};
pub use table::{TenantTable, TenantTableError};
pub use tenant::{DirectoryEntry, NewTenant};
pub use testing::InsecureTestStrategy;
pub use upsert::{UpsertAllError, UpsertError};

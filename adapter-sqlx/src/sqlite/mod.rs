//! SQLite.

mod catalog;
mod migrate;
mod pool;
mod row;
mod table;
mod views;

pub use catalog::UnsafeSchema;
pub use row::{SqliteRowOptions, SqliteRowStrategy};
pub use table::{TenantTable, TenantTableError};

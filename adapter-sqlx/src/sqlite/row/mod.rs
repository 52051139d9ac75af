//! The strategy `row` on SQLite: rows of many tenants in one file, seen through views that are proved first.

mod base_table;
mod builder;
mod catalog;
mod catalog_error;
mod declarations;
mod exposure;
mod removal;
mod row_pool;
mod strategy;
mod table;
mod unsafe_schema;
mod views;
mod virtual_table;

pub use builder::SqliteRowBuilder;
pub use strategy::SqliteRowStrategy;
pub use table::{TenantTable, TenantTableError};
pub use unsafe_schema::UnsafeSchema;

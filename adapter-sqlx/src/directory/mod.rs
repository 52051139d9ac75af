//! The directory of tenants in a database.

mod entry;
mod error;
mod sql;

pub use entry::{DirectoryEntry, NewTenant};
pub use error::{DirectoryError, UpsertAllError, UpsertError};
pub(crate) use sql::sql_directory;

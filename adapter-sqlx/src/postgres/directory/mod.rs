//! The directory of tenants on PostgreSQL, and its feed of changes.

mod changes;
pub(in crate::postgres) mod functions;
mod migrations;
mod postgres_directory;
mod read_only;

pub use changes::PgChanges;
pub use postgres_directory::PgDirectory;

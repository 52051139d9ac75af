//! The schema in which a tenant's tables are, whether it has a schema or a database: its name, its migrations, and what
//! these changed outside of it.

pub(super) mod names;
mod outside;
pub(super) mod provision;

pub use names::SchemaNameError;

//! The schema in which a tenant's tables are, whether it has a schema or a database: its name, its migrations, and what
//! these changed outside of it.

pub(super) mod alike;
pub(super) mod ledger;
pub(super) mod lock;
mod migrate;
mod migrating;
pub(super) mod names;
mod one_migration;
pub(super) mod outside;
mod pending;
pub(super) mod provision;
pub(super) mod session;

pub use names::SchemaNameError;

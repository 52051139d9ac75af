//! The schema in which a tenant's tables are, whether it has a schema or a database: its name, its migrations, and what
//! these changed outside of it.

pub(super) mod alike;
mod alone;
mod at_once;
mod index;
pub(super) mod ledger;
pub(super) mod lock;
mod migrate;
mod migrating;
pub(super) mod names;
mod outside;
mod pending;
mod plain;
pub(super) mod provision;
pub(super) mod reach;
mod server_wide;
pub(super) mod session;
mod tried;

pub use names::SchemaNameError;

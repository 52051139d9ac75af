//! Checks of the declared tables and views themselves.

pub(super) mod citus;
pub(super) mod columns;
pub(super) mod grants;
pub(super) mod keys;
pub(super) mod policies;
mod shards;
pub(super) mod shared;
pub(super) mod tables;
pub(super) mod views;

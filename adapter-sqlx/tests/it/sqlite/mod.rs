//! Tenants on SQLite.

mod creation;
mod creation_refused;
pub(crate) mod database;
mod database_open;
mod database_removal;
mod directory;
mod directory_changes;
mod directory_members;
mod directory_writes;
mod drift;
mod error_kind;
mod fence;
mod lifecycle;
mod lifecycle_creation;
mod lifecycle_names;
mod registry;
mod row;
mod row_ddl;
mod row_exposure;
mod row_leftovers;
mod row_pragmas;
mod row_removal;
mod row_schema;
mod run;
mod turns;
mod upserts;
mod versions;

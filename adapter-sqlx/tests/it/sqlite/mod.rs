//! Tenants on SQLite.

mod creation;
mod database;
mod database_removal;
mod directory;
mod directory_writes;
mod error_kind;
mod lifecycle;
mod registry;
mod row;
mod row_ddl;
mod row_exposure;
mod row_leftovers;
mod row_removal;
mod row_schema;
mod run;

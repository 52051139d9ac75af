//! The strategy `schema` on PostgreSQL: a schema for each tenant.

mod builder;
mod cluster;
mod migrate;
mod migrations;
mod removal;
mod strategy;

pub use builder::PgSchemaBuilder;
pub use strategy::PgSchemaStrategy;

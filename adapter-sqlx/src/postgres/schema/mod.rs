//! The strategy `schema` on PostgreSQL: a schema for each tenant.

mod removal;
mod strategy;

pub use strategy::{PgSchemaOptions, PgSchemaStrategy};

//! The strategy `database` on PostgreSQL: a database for each tenant, on one server or on several.

mod builder;
mod connection_budget;
mod fence;
pub(in crate::postgres) mod found;
mod migrate;
mod migrated_template;
mod places;
mod provision;
mod servers;
pub(in crate::postgres) mod strategy;

pub use builder::PgDatabaseBuilder;
pub use servers::{FindServer, PgServers};
pub use strategy::PgDatabaseStrategy;

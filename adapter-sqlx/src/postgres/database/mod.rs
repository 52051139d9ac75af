//! The strategy `database` on PostgreSQL: a database for each tenant, on one server or on several.

mod connection_budget;
mod options;
mod provision;
mod servers;
mod strategy;

pub use options::PgDatabaseOptions;
pub use servers::{FindServer, PgServer, PgServers};
pub use strategy::PgDatabaseStrategy;

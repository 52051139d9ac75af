//! The tables of a file for PostgreSQL.

mod config;
mod parts;
mod plan;
mod strategies;
mod tables;
mod urls;

pub use config::{PgDatabaseConfig, PgDirectoryConfig, PostgresConfig};
pub(crate) use plan::{PostgresPlan, plan};
pub use strategies::{PgDatabaseStrategyConfig, PgRowConfig, PgSchemaConfig, PgServerConfig, PgStrategiesConfig};
pub use tables::{PgColumnType, PgTableConfig, PgTableEntry, PgTableRight};
pub(crate) use urls::Server;

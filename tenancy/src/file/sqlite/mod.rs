//! The tables of a file for SQLite.

mod config;
mod plan;

pub use config::{
    SqliteConfig, SqliteDatabaseStrategyConfig, SqliteDirectoryConfig, SqliteRowConfig, SqliteStrategiesConfig,
    SqliteTableConfig,
};
pub(crate) use plan::{SqlitePlan, plan};

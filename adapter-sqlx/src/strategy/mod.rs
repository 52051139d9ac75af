//! What keeps a tenant's data apart, as a trait, and which strategy is whose.

pub(crate) mod begin_options;
pub(crate) mod binding;
pub(crate) mod data_version;
pub(crate) mod isolation_strategy;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod ledger;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod minimum_version;
pub(crate) mod registry;
pub(crate) mod strategy_transaction;
pub(crate) mod survey;
pub(crate) mod unknown_strategy;

pub use begin_options::{Begin, IsolationLevel, Mode};
pub use binding::{AcrossTenants, Binding, Fence, Removal};
pub use data_version::{DataVersion, MigrateOptions, Migrated, MigrationTarget, Standing, StrategyMigrations};
pub use isolation_strategy::{IsolationStrategy, StrategyFuture};
pub use registry::{RegisterError, StrategyRegistry};
pub use strategy_transaction::StrategyTransaction;
pub use survey::{Survey, Surveyed, Surveyor};
pub use unknown_strategy::UnknownStrategy;

//! Tenant isolation for sqlx.

mod database;
mod error;
mod registry;
mod strategy;
mod transaction;

#[cfg(feature = "sqlite")]
mod sqlite;

pub use database::TenantDb;
pub use error::{ProvisionError, StrategyError, TransactionError};
pub use registry::{RegisterError, StrategyRegistry, UnknownStrategy};
#[cfg(feature = "sqlite")]
pub use sqlite::{
    InsecureTestStrategy, SqliteDatabaseOptions, SqliteDatabaseStrategy, SqliteRowOptions, SqliteRowStrategy,
    TenantTable, TenantTableError, UnsafeSchema,
};
pub use strategy::{AcrossTenants, Binding, IsolationStrategy, Mode, StrategyFuture, StrategyTransaction};
pub use transaction::TenantTransaction;

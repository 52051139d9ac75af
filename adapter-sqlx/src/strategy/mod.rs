//! What keeps a tenant's data apart, as a trait, and which strategy is whose.

pub(crate) mod isolation_strategy;
pub(crate) mod registry;
pub(crate) mod strategy_transaction;

pub use isolation_strategy::{AcrossTenants, Binding, Fence, IsolationStrategy, Mode, Removal, StrategyFuture};
pub use registry::{RegisterError, StrategyRegistry, UnknownStrategy};
pub use strategy_transaction::StrategyTransaction;

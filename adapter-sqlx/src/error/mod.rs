//! Errors, and how a database's own error becomes one of them.

pub(crate) mod classify;
mod error_kind;
mod errors;
mod kinds;
mod tenant_errors;
#[cfg(feature = "postgres")]
mod worker_fault;

pub use error_kind::ErrorKind;
pub use errors::{StrategyError, TransactionError};
pub use tenant_errors::{ProvisionError, RemoveError};

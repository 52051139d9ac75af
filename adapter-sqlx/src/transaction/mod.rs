//! What an application holds: the handle that begins transactions, and a transaction that is bound to one tenant.
//!
//! `begin` and `connections::give_back` are the only places where a connection is taken from a pool and returned to one.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod across_tenants;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod begin;
mod bind;
mod configure;
pub(crate) mod connections;
mod entrant;
mod look_up_again;
mod observation;
mod refused;
mod run;
mod tenant_db;
mod tenant_transaction;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use across_tenants::AccessLog;
#[cfg(feature = "metrics")]
pub use observation::metrics::describe_metrics;
pub use run::{CallWork, ErasedError, RunFuture, TransactionWork, TypedError, WorkError};
pub use tenant_db::TenantDb;
pub use tenant_transaction::TenantTransaction;

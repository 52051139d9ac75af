//! Why a tenant could not be provisioned or removed.

use tenancy_core::directory::TenantStatus;
use tenancy_core::names::TenantId;
use thiserror::Error;

use crate::StrategyError;
use crate::strategy::unknown_strategy::UnknownStrategy;

/// Why a tenant could not be provisioned.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// The tenant's record names a strategy that is not registered.
    #[error("failed to provision the tenant `{tenant}`")]
    UnknownStrategy {
        /// The tenant.
        tenant: TenantId,
        /// The strategy, and the ones that are registered.
        source: UnknownStrategy,
    },
    /// The strategy could not provision.
    #[error("failed to provision the tenant `{tenant}`")]
    Strategy {
        /// The tenant.
        tenant: TenantId,
        /// What the strategy says.
        source: StrategyError,
    },
}

/// Why a tenant's data could not be removed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// The tenant may still be served.
    #[error("failed to remove the tenant `{tenant}`, which is {} and not archived", status.as_str())]
    NotArchived {
        /// The tenant.
        tenant: TenantId,
        /// What its record says.
        status: TenantStatus,
    },
    /// The tenant's record names a strategy that is not registered.
    #[error("failed to remove the tenant `{tenant}`")]
    UnknownStrategy {
        /// The tenant.
        tenant: TenantId,
        /// The strategy, and the ones that are registered.
        source: UnknownStrategy,
    },
    /// The strategy could not remove it, or not all of it.
    #[error("failed to remove the tenant `{tenant}`")]
    Strategy {
        /// The tenant.
        tenant: TenantId,
        /// What the strategy says.
        source: StrategyError,
    },
}

//! Why nobody is let in.

use std::time::Duration;

use tenancy_core::names::TenantId;
use thiserror::Error;

use crate::directory::error::DirectoryError;

/// Why a grant of impersonation is not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImpersonateError {
    /// The tenant is suspended, archived, or not completed yet.
    #[error("the tenant `{id}` is not active: nobody is let into it")]
    NotActive {
        /// The tenant.
        id: TenantId,
    },
    /// The grant would last for no time, or for longer than a grant may.
    #[error("a grant of impersonation lasts for a second to {} minutes", max.as_secs() / 60)]
    Lifetime {
        /// The longest.
        max: Duration,
    },
    /// The member in whose place the actor would be there is no member of the tenant.
    #[error("the subject to impersonate is no member of the tenant `{id}`")]
    NotAMember {
        /// The tenant.
        id: TenantId,
    },
    /// The directory could not be queried or changed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl From<sqlx::Error> for ImpersonateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Directory(error.into())
    }
}

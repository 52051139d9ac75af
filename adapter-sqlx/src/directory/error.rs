//! What can go wrong with the directory.

use tenancy_core::{ParseNameError, StrategyName, TenantId, TenantKey, UnknownStatus};
use thiserror::Error;

use crate::ProvisionError;

/// Why the directory cannot tell. It is never "no such tenant", and refuses the request.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The database refused or could not be reached.
    #[error("ask the directory")]
    Database(#[from] sqlx::Error),
    /// A row holds a name that none can be.
    #[error("read `{column}` of a tenant from the directory")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        source: ParseNameError,
    },
    /// A row holds a status that none is.
    #[error("read `status` of a tenant from the directory")]
    CorruptStatus(#[from] UnknownStatus),
    /// There is no such tenant: to add a member to, or any more.
    #[error("no tenant `{id}` is in the directory")]
    UnknownTenant {
        /// The id.
        id: TenantId,
    },
}

/// Why a tenant could not be put into the directory.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UpsertError {
    /// The id or slug is one that no tenant may have.
    #[error("the {key} is reserved")]
    Reserved {
        /// The name.
        key: Box<TenantKey>,
    },
    /// Another tenant goes by that name.
    #[error("the {key} is another tenant's")]
    Conflict {
        /// The name.
        key: Box<TenantKey>,
    },
    /// Another tenant went by that name, and was removed or goes by another since: an id is never given again, the
    /// other names not before their quarantine is over.
    #[error("the {key} was another tenant's, and is not given out again yet")]
    Quarantined {
        /// The name.
        key: Box<TenantKey>,
    },
    /// The tenant's data is kept by another strategy, and would be left behind.
    #[error("the tenant `{id}` is kept by the strategy `{current}` and cannot change to `{requested}`")]
    StrategyChanged {
        /// The tenant.
        id: TenantId,
        /// The strategy that keeps its data.
        current: String,
        /// The strategy that was asked for.
        requested: StrategyName,
    },
    /// The tenant's data is elsewhere, and would be left behind.
    #[error("the data of the tenant `{id}` is in another place: move it, and say so by `dangerously_set_placement`")]
    PlacementChanged {
        /// The tenant.
        id: TenantId,
    },
    /// The directory could not tell.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Which of several tenants could not be put into the directory, and why.
#[derive(Debug, Error)]
#[error("the tenant number {index}, counted from 0")]
pub struct UpsertAllError {
    pub(crate) index: usize,
    pub(crate) source: UpsertError,
}

impl UpsertAllError {
    /// The tenant's place in the list, counted from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// What was wrong with it.
    #[must_use]
    pub const fn reason(&self) -> &UpsertError {
        &self.source
    }
}

/// Why a tenant could not be created.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The directory refuses the tenant.
    #[error("put the tenant into the directory")]
    Upsert(#[from] UpsertError),
    /// Its data has no place. It stays `provisioning`.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The directory could not make it active. It stays `provisioning`.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Why a tenant could not be taken out of the directory.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// It may still be served: archive it first.
    #[error("the tenant `{id}` is not archived")]
    NotArchived {
        /// The tenant.
        id: TenantId,
    },
    /// The directory could not tell.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl From<sqlx::Error> for ForgetError {
    fn from(error: sqlx::Error) -> Self {
        Self::Directory(error.into())
    }
}

impl From<sqlx::Error> for UpsertError {
    fn from(error: sqlx::Error) -> Self {
        Self::Directory(error.into())
    }
}

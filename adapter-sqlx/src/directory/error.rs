//! What can go wrong with the directory.

use std::fmt;
use std::time::SystemTime;

use tenancy_core::lifecycle::IllegalTransition;
use tenancy_core::names::{ParseError, StrategyName, TenantId, TenantKey};
use thiserror::Error;

use crate::{ProvisionError, RemoveError, StrategyError, TransactionError};

/// Why the directory could not be queried or changed. It never means "no such tenant", and refuses the request.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The database refused or could not be reached.
    #[error("failed to query the directory")]
    Database(#[source] sqlx::Error),
    /// Another writer held a lock for longer than the lock timeout, or this writer was chosen to give way. Nothing was
    /// changed: try again.
    #[error("failed to get a lock in the directory, which another writer holds")]
    Busy(#[source] sqlx::Error),
    /// The change was not confirmed. If the connection was lost meanwhile, it may have been made even so.
    #[error("failed to commit a change of the directory")]
    Commit(#[source] Box<TransactionError>),
    /// A row holds a name that is not valid.
    #[error("failed to read `{column}` of a tenant from the directory")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        source: ParseError,
    },
    /// A row holds a status that is not valid.
    #[error("failed to read `status` of a tenant from the directory")]
    CorruptStatus(#[source] ParseError),
    /// The directory was opened for reading, by a process that only serves.
    #[error(
        "the directory is open for reading only: change it in a process that opens it as the administrator \
        (`PgDirectory::open`)"
    )]
    ReadOnly,
    /// The directory is changed, and the place of the tenant's data does not know of it yet. The same verb finishes it, and so does
    /// [`finish_pending_places`](crate::SqlDirectory::finish_pending_places).
    #[error("the directory is changed, and the place of the tenant `{id}` is not yet: give the same command again")]
    Pending {
        /// The tenant.
        id: TenantId,
        /// Why the place could not be changed.
        source: Box<StrategyError>,
    },
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
    /// The tenant's data is with another strategy, and would be left behind.
    #[error("the tenant `{id}` is kept by the strategy `{current}` and cannot change to `{requested}`")]
    StrategyChanged {
        /// The tenant.
        id: TenantId,
        /// The strategy that keeps its data.
        current: String,
        /// The requested strategy.
        requested: StrategyName,
    },
    /// The tenant's data is elsewhere, and would be left behind.
    #[error("the data of the tenant `{id}` is in another place: move it, and say so by `dangerously_set_placement`")]
    PlacementChanged {
        /// The tenant.
        id: TenantId,
    },
    /// No verb leads to the requested status from the one that the tenant has.
    #[error("the status of the tenant `{id}` cannot be set")]
    IllegalStatus {
        /// The tenant.
        id: TenantId,
        /// What is not possible.
        source: IllegalTransition,
    },
    /// It would be served, and its place was never made whole. Create it again, with the key that began its creation.
    #[error("the creation of the tenant `{id}` was never completed: create it again with its key")]
    CreationUnfinished {
        /// The tenant.
        id: TenantId,
    },
    /// It would be taken back, and some of its data may be removed already. Delete it again, to finish it.
    #[error("the deletion of the tenant `{id}` has begun: it cannot be restored")]
    DeletionBegan {
        /// The tenant.
        id: TenantId,
    },
    /// The directory could not be queried or changed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Why several tenants could not be put into the directory, and which of them was refused.
#[derive(Debug)]
pub struct UpsertAllError {
    index: Option<usize>,
    source: UpsertError,
}

impl UpsertAllError {
    pub(crate) const fn of_one(index: usize, source: UpsertError) -> Self {
        Self {
            index: Some(index),
            source,
        }
    }

    pub(crate) fn of_all(error: impl Into<DirectoryError>) -> Self {
        Self {
            index: None,
            source: UpsertError::Directory(error.into()),
        }
    }

    /// The tenant's place in the list, counted from 0. `None` if it was no single tenant that failed: the transaction
    /// could not begin or be committed.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        self.index
    }

    /// What was wrong.
    #[must_use]
    pub const fn reason(&self) -> &UpsertError {
        &self.source
    }
}

impl fmt::Display for UpsertAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(
                f,
                "failed to put the tenant number {index}, counted from 0, into the directory"
            ),
            None => f.write_str("failed to put the tenants into the directory"),
        }
    }
}

impl std::error::Error for UpsertAllError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Why a tenant could not be created.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// There is a tenant of that id, which was not created with this key. Nothing was changed.
    #[error("the tenant `{id}` exists already")]
    AlreadyExists {
        /// The requested id.
        id: TenantId,
    },
    /// The directory refuses the tenant. Nothing was changed.
    #[error("failed to put the tenant into the directory")]
    Upsert(#[source] UpsertError),
    /// Its strategy refuses the tenant, before anything was written, or could not make the place for its data. Then it
    /// stays `provisioning`, and the same key continues its creation.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The directory could not be queried. Whatever was written, the same key continues the creation.
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
    /// The directory could not be queried or changed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Why a tenant could not be led to another stage of its life.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LifecycleError {
    /// The verb does not lead away from the stage that the tenant is in.
    #[error("the tenant `{id}` is not changed")]
    Illegal {
        /// The tenant.
        id: TenantId,
        /// What is not possible, and what to do first.
        source: IllegalTransition,
    },
    /// Its place was never made whole. Create it again, with the key that began its creation.
    #[error("the creation of the tenant `{id}` was never completed: create it again with its key")]
    CreationUnfinished {
        /// The tenant.
        id: TenantId,
    },
    /// Some of its data may be removed already. Delete it again, to finish it.
    #[error("the deletion of the tenant `{id}` has begun: it cannot be restored")]
    DeletionBegan {
        /// The tenant.
        id: TenantId,
    },
    /// The directory could not be queried or changed, or has no such tenant.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Why a tenant could not be deleted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeleteError {
    /// It was archived too recently.
    #[error("the tenant `{id}` is in its grace, and can be restored until it is over")]
    InGrace {
        /// The tenant.
        id: TenantId,
        /// When it can be deleted.
        until: SystemTime,
    },
    /// It is not archived, or the directory could not be changed.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
    /// Its strategy could not remove its data. Delete it again, to finish it.
    #[error(transparent)]
    Data(#[from] RemoveError),
    /// Its data is removed, and its entry could not be. Delete it again, to finish it.
    #[error("failed to take the tenant out of the directory")]
    Entry(#[from] ForgetError),
}

impl From<DirectoryError> for DeleteError {
    fn from(error: DirectoryError) -> Self {
        Self::Lifecycle(LifecycleError::Directory(error))
    }
}

impl From<sqlx::Error> for DeleteError {
    fn from(error: sqlx::Error) -> Self {
        DirectoryError::from(error).into()
    }
}

/// A status that an upsert asks for is led to by a verb, so it is refused as a verb is.
impl From<LifecycleError> for UpsertError {
    fn from(error: LifecycleError) -> Self {
        match error {
            LifecycleError::Illegal { id, source } => Self::IllegalStatus { id, source },
            LifecycleError::CreationUnfinished { id } => Self::CreationUnfinished { id },
            LifecycleError::DeletionBegan { id } => Self::DeletionBegan { id },
            LifecycleError::Directory(error) => Self::Directory(error),
        }
    }
}

impl From<sqlx::Error> for LifecycleError {
    fn from(error: sqlx::Error) -> Self {
        Self::Directory(error.into())
    }
}

impl From<sqlx::Error> for DirectoryError {
    fn from(error: sqlx::Error) -> Self {
        if is_busy(&error) {
            Self::Busy(error)
        } else {
            Self::Database(error)
        }
    }
}

impl From<UpsertError> for CreateError {
    fn from(error: UpsertError) -> Self {
        match error {
            UpsertError::Directory(error) => Self::Directory(error),
            refused => Self::Upsert(refused),
        }
    }
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

/// Whether another writer was in the way: nothing was changed, and the same call may succeed later.
fn is_busy(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else {
        return false;
    };
    #[cfg(feature = "postgres")]
    if let Some(error) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        // `lock_not_available`, `deadlock_detected`, `serialization_failure`.
        return matches!(error.code(), "55P03" | "40P01" | "40001");
    }
    // The last byte of SQLite's extended codes is the code: `SQLITE_BUSY`, `SQLITE_LOCKED`.
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    matches!(code.map(|code| code & 0xff), Some(5 | 6))
}

impl From<TransactionError> for DirectoryError {
    fn from(error: TransactionError) -> Self {
        Self::Commit(Box::new(error))
    }
}

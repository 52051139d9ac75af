//! Why a place refuses a transaction.

use thiserror::Error;

/// Why the place of a tenant's data refuses a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum FenceRefusal {
    /// The tenant's data is not here: it has moved, or is removed (SQLSTATE `TN001`).
    #[error("the tenant's data is no longer in this place")]
    Gone,
    /// The tenant is not served, as the directory says too (SQLSTATE `TN002`). The record with which the transaction began is
    /// older.
    #[error("the tenant's place is closed: it is not served")]
    Closed,
    /// Somebody is moving or removing the tenant's data, and does so until the time-out for a connection (SQLSTATE `TN003`).
    /// Nothing was done, and trying again can help.
    #[error("the tenant's place is locked")]
    Locked,
    /// The tenant's data has moved since its record was read (SQLSTATE `TN004`):
    /// [`TenantDb::with_directory`](crate::TenantDb::with_directory) looks the record up again.
    #[error("the tenant's data has moved since its record was read")]
    Moved,
    /// The place is older than the record (SQLSTATE `TN005`), as after a restored backup. An operator must look at it.
    #[error("the tenant's place is older than its record: was a backup restored?")]
    PlaceBehind,
    /// The version of the tenant's data is below the least one that this process serves, or is not known (SQLSTATE `TN006`): migrations
    /// have not run on it yet. Other tenants are served. It needs no fence.
    #[error("the tenant's data is behind the version that this service needs")]
    Behind,
}

impl FenceRefusal {
    /// All refusals.
    pub const ALL: [Self; 6] = [
        Self::Gone,
        Self::Closed,
        Self::Locked,
        Self::Moved,
        Self::PlaceBehind,
        Self::Behind,
    ];

    /// The SQLSTATE by which the database refuses.
    #[must_use]
    pub const fn sqlstate(self) -> &'static str {
        match self {
            Self::Gone => "TN001",
            Self::Closed => "TN002",
            Self::Locked => "TN003",
            Self::Moved => "TN004",
            Self::PlaceBehind => "TN005",
            Self::Behind => "TN006",
        }
    }

    /// The refusal that this SQLSTATE means.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn of_sqlstate(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.sqlstate() == code)
    }
}

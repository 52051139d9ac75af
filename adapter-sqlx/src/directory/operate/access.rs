//! Who has looked into a tenant's data outside of a request.

use tenancy_core::names::TenantId;

use crate::directory::database::{DirectoryDatabase, Writers};
use crate::directory::error::DirectoryError;
use crate::directory::events::{EventKind, PendingEvent};
use crate::directory::sql_directory::SqlDirectory;

/// What an operator may do to a tenant's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataAccess {
    /// Look at it.
    Read,
    /// Change it.
    Write,
}

impl DataAccess {
    /// The word that the event has.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Writes an event that somebody is about to work with a tenant's data outside of a request, as
    /// [`by`](Self::by) says who and why. It is committed when this returns: call it before the data is looked at.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, or the directory cannot be changed.
    pub async fn record_access(&self, id: &TenantId, access: DataAccess) -> Result<(), DirectoryError> {
        if self.find_by_id(id).await?.is_none() {
            return Err(DirectoryError::UnknownTenant { id: id.clone() });
        }
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        change.record(PendingEvent::new(id, EventKind::ACCESSED).to(access.as_str()));
        change.commit().await
    }
}

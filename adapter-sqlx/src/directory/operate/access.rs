//! Who has worked with tenants' databases outside of a request.

use tenancy_core::names::{StrategyName, TenantId};

use crate::AccessLog;
use crate::directory::error::DirectoryError;
use crate::directory::events::{Attribution, EventKind, PendingEvent};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Writers};

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

    /// Writes an event that somebody is about to fence the databases of a strategy, as [`by`](Self::by) says who and why. It is
    /// of no tenant.
    ///
    /// # Errors
    ///
    /// If the directory cannot be changed.
    pub async fn record_fence(&self, strategy: &StrategyName) -> Result<(), DirectoryError> {
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        change.record(PendingEvent::about_a_name(EventKind::FENCE_ENABLED).to(strategy.as_str()));
        change.commit().await
    }
}

impl<DB: DirectoryDatabase> AccessLog for SqlDirectory<DB> {
    type Error = DirectoryError;

    async fn record_access_across_tenants(
        &self,
        strategy: &StrategyName,
        by: &Attribution,
    ) -> Result<(), DirectoryError> {
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        let event = PendingEvent::about_a_name(EventKind::ACCESSED_ACROSS_TENANTS);
        change.record(event.to(strategy.as_str()).by(by.clone()));
        change.commit().await
    }
}

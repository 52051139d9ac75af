//! All tenants of a directory, and the strategies that migrate them.

use std::fmt;

use sqlx::Database;

use super::clock::now;
use super::error::FleetError;
use super::options::FleetOptions;
use super::planning::plan::{FleetPlan, Planned};
use super::report::{RunFailure, RunSummary};
use super::run_id::RunId;
use super::strategies::Strategies;
use crate::{DirectoryDatabase, SqlDirectory, TenantDb};

/// All tenants of a directory, and the strategies that migrate them. Cheap to clone.
///
/// The directory itself is migrated when it is [opened](crate::PgDirectory::open). Tables that all tenants of the strategy `row`
/// share are migrated when that is opened too, unless it was opened by `open_for_migrations`.
///
/// # One after the other
///
/// A run migrates shared tables first, then canaries if there are any, waits, and then the others: so many at once on each server.
/// Which tenants it has is written into the directory, and what becomes of each; so a run that ended early is
/// [resumed](Self::resume), by this process or another.
///
/// # Several processes
///
/// Processes that work on one run take tenants by leases, and hold a lock in the tenant's own database while they migrate it. A
/// process that was paused past its lease, and wakes, finds what others have done, and its late result is not written.
#[derive(Clone)]
pub struct Fleet<DB: DirectoryDatabase> {
    pub(super) directory: SqlDirectory<DB>,
    pub(super) strategies: Strategies,
}

impl<DB: DirectoryDatabase> Fleet<DB> {
    /// The tenants of this directory, migrated by the strategies of `db`. They were opened with their migrations, and by the
    /// administrator.
    ///
    /// # Errors
    ///
    /// [`FleetError::SeveralStatements`] if a migration cannot be run so that a crash does no harm.
    pub fn new<Tenants: Database>(directory: SqlDirectory<DB>, db: &TenantDb<Tenants>) -> Result<Self, FleetError> {
        let strategies = Strategies::load(db)?;
        Ok(Self { directory, strategies })
    }

    /// Looks how the fleet stands, and changes nothing. `observe` is called for each tenant that is not archived, and for shared
    /// tables.
    ///
    /// Of the options those count that say which tenants are meant, and whether ledgers are verified. It needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the directory or the versions cannot be read, and if a tenant that is named is not there.
    pub async fn plan(
        &self,
        options: &FleetOptions,
        mut observe: impl FnMut(Planned<'_>) + Send,
    ) -> Result<FleetPlan, FleetError> {
        self.look_and_observe(options, &mut observe).await
    }

    /// The latest runs, the newest first.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn runs(&self, limit: u16) -> Result<Vec<RunSummary>, FleetError> {
        let runs = self.directory.stored_runs(limit, now()).await?;
        Ok(runs.into_iter().map(|run| run.summary).collect())
    }

    /// One run.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn find_run(&self, run: RunId) -> Result<Option<RunSummary>, FleetError> {
        Ok(self.directory.stored_run(run, now()).await?.map(|run| run.summary))
    }

    /// Those that failed in a run, by their ids, shared tables first: up to `limit` behind the tenant `after`.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn failures(&self, run: RunId, after: Option<&str>, limit: u16) -> Result<Vec<RunFailure>, FleetError> {
        Ok(self
            .directory
            .failures_of(run, after.unwrap_or_default(), limit)
            .await?)
    }
}
impl<DB: DirectoryDatabase> fmt::Debug for Fleet<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

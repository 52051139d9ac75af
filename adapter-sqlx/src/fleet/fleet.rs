//! All tenants of a directory, and the strategies that migrate them.

use sqlx::Database;

use super::error::FleetError;
use super::options::{FleetOptions, ResumeOptions};
use super::plan::{FleetPlan, Planned};
use super::progress::FleetProgress;
use super::report::{FleetReport, RunFailure, RunSummary};
use super::run_id::RunId;
use super::stop::Stop;
use crate::{DirectoryDatabase, SqlDirectory, TenantDb};

/// All tenants of a directory, and the strategies that migrate them. Cheap to clone.
///
/// The directory itself is migrated when it is [opened](crate::PgDirectory::open). Tables that all tenants of the strategy `row`
/// share are migrated when that is opened too, unless it was opened
/// [for migrations](crate::PgRowBuilder::open_for_migrations).
pub struct Fleet<DB: DirectoryDatabase> {
    directory: SqlDirectory<DB>,
}

impl<DB: DirectoryDatabase> Fleet<DB> {
    /// The tenants of this directory, migrated by the strategies of `db`. They were opened with their migrations, and by the
    /// administrator.
    ///
    /// # Errors
    ///
    /// [`FleetError::SeveralStatements`] if a migration cannot be run so that a crash does no harm.
    pub fn new<Tenants: Database>(directory: SqlDirectory<DB>, db: &TenantDb<Tenants>) -> Result<Self, FleetError> {
        todo!("{directory:?} {db:?}")
    }

    /// Looks how the fleet stands, and changes nothing. `observe` is called for each tenant that is not archived, and for shared
    /// tables.
    ///
    /// Of the options those count that say which tenants are meant, and whether ledgers are verified. It needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the directory or the versions cannot be read.
    pub async fn plan(
        &self,
        options: &FleetOptions,
        observe: impl FnMut(Planned<'_>) + Send,
    ) -> Result<FleetPlan, FleetError> {
        todo!("{options:?} {}", size_of_val(&observe))
    }

    /// Migrates what is behind, as a run of its own. A run that a process left unfinished is abandoned: what it did is done, and
    /// this one finds what is left.
    ///
    /// # Cancellation
    ///
    /// Dropped, it ends what it migrates where that is, each migration done or undone. Prefer `stop`.
    ///
    /// # Errors
    ///
    /// [`FleetError::UnderWay`] if another process works on a run, and if the directory or the versions cannot be read.
    pub async fn run(
        &self,
        options: &FleetOptions,
        stop: &Stop,
        observe: impl FnMut(FleetProgress<'_>) + Send,
    ) -> Result<FleetReport, FleetError> {
        todo!("{options:?} {stop:?} {}", size_of_val(&observe))
    }

    /// As [`run`](Self::run), but if a run is under way this process shares its work, and returns when all of it is done. It is what
    /// an application calls that migrates when it starts, of which several processes start at once.
    ///
    /// # Errors
    ///
    /// [`FleetError::OtherMigrations`] if the run that is under way is one of another release, and as [`run`](Self::run).
    pub async fn join(
        &self,
        options: &FleetOptions,
        stop: &Stop,
        observe: impl FnMut(FleetProgress<'_>) + Send,
    ) -> Result<FleetReport, FleetError> {
        todo!("{options:?} {stop:?} {}", size_of_val(&observe))
    }

    /// Goes on with a run that ended early, or that is under way in another process; `None` is the latest one that is not done.
    ///
    /// # Errors
    ///
    /// If there is no such run, it cannot be resumed, or it was begun with other migrations; and as [`run`](Self::run).
    pub async fn resume(
        &self,
        run: Option<RunId>,
        options: &ResumeOptions,
        stop: &Stop,
        observe: impl FnMut(FleetProgress<'_>) + Send,
    ) -> Result<FleetReport, FleetError> {
        todo!("{run:?} {options:?} {stop:?} {}", size_of_val(&observe))
    }

    /// The latest runs, the newest first.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn runs(&self, limit: u16) -> Result<Vec<RunSummary>, FleetError> {
        todo!("{limit}")
    }

    /// One run.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn find_run(&self, run: RunId) -> Result<Option<RunSummary>, FleetError> {
        todo!("{run}")
    }

    /// Those that failed in a run, by their ids, shared tables first: up to `limit` behind the tenant `after`.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn failures(&self, run: RunId, after: Option<&str>, limit: u16) -> Result<Vec<RunFailure>, FleetError> {
        todo!("{run} {after:?} {limit}")
    }
}

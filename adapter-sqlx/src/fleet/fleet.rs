//! All tenants of a directory, and the strategies that migrate them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::Database;

use super::error::FleetError;
use super::options::{FleetOptions, ResumeOptions};
use super::plan::{FleetPlan, Planned};
use super::progress::FleetProgress;
use super::report::{FleetReport, RunEnd, RunFailure, RunState, RunSummary};
use super::run::Runner;
use super::run_id::RunId;
use super::stop::Stop;
use super::stored;
use super::strategies::Strategies;
use crate::directory::runs::{NewRun, StoredRun};
use crate::{DirectoryDatabase, SqlDirectory, TenantDb};

/// How often a process looks whether another one has planned the run that it shares.
const PLANNING: Duration = Duration::from_millis(200);

/// How many runs of others a process shares at most before it has migrated all tenants.
const SHARED: u32 = 5;

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

    /// Migrates what is behind, as a run of its own. A run that a process left unfinished is abandoned: what it did is done, and
    /// this one finds what is left.
    ///
    /// # Cancellation
    ///
    /// Dropped, it ends what it migrates where that is, each migration done or undone. Prefer `stop`.
    ///
    /// # Errors
    ///
    /// [`FleetError::UnderWay`] if another process works on a run, or has ended less than a lease ago without a word; and if the
    /// directory or the versions cannot be read.
    pub async fn run(
        &self,
        options: &FleetOptions,
        stop: &Stop,
        mut observe: impl FnMut(FleetProgress<'_>) + Send,
    ) -> Result<FleetReport, FleetError> {
        match self.begin(options).await? {
            Ok(run) => self.drive(run, options, RunState::Planning, stop, &mut observe).await,
            Err(run) => Err(FleetError::UnderWay { run }),
        }
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
        mut observe: impl FnMut(FleetProgress<'_>) + Send,
    ) -> Result<FleetReport, FleetError> {
        let mut shared = 0;
        loop {
            let run = match self.begin(options).await? {
                Ok(run) => return self.drive(run, options, RunState::Planning, stop, &mut observe).await,
                Err(run) if shared < SHARED => run,
                Err(run) => return Err(FleetError::UnderWay { run }),
            };
            shared += 1;
            match self.share(run, &ResumeOptions::new(), stop, &mut observe).await {
                // It has ended in between.
                Err(FleetError::Ended { .. }) => {}
                // It was about some tenants only, or others were created meanwhile.
                Ok(report) if report.ended == RunEnd::Finished && report.failed == 0 && report.fleet.behind() > 0 => {}
                done => return done,
            }
        }
    }

    /// Goes on with a run that ended early, or that is under way in another process; `None` is the latest one.
    ///
    /// # Errors
    ///
    /// If there is no such run, it cannot be resumed, or it was begun with other migrations; and as [`run`](Self::run).
    pub async fn resume(
        &self,
        run: Option<RunId>,
        options: &ResumeOptions,
        stop: &Stop,
        mut observe: impl FnMut(FleetProgress<'_>) + Send,
    ) -> Result<FleetReport, FleetError> {
        let run = match run {
            Some(run) => run,
            None => {
                let latest = self.directory.stored_runs(1, now()).await?.into_iter().next();
                let left = latest.filter(|run| is_resumable(run.summary.state));
                left.ok_or(FleetError::NothingToResume)?.summary.id
            }
        };
        self.share(run, options, stop, &mut observe).await
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

    /// Begins a run, or returns the one that is under way.
    async fn begin(&self, options: &FleetOptions) -> Result<Result<RunId, RunId>, FleetError> {
        self.strategies.selected(options)?;
        self.strategies.refuse_unknown_baseline(options)?;
        let now = now();
        let run = NewRun {
            options: &stored::to_text(options),
            migrations: &self.strategies.fingerprint(),
            now,
            lease_until: after(now, options.lease),
        };
        Ok(self.directory.begin_run(&run).await?)
    }

    /// Works on a run that is there.
    async fn share(
        &self,
        run: RunId,
        changes: &ResumeOptions,
        stop: &Stop,
        observe: &mut (dyn FnMut(FleetProgress<'_>) + Send),
    ) -> Result<FleetReport, FleetError> {
        let stored = loop {
            let stored = self.directory.stored_run(run, now()).await?;
            let stored = stored.ok_or(FleetError::UnknownRun { run })?;
            let state = stored.summary.state;
            if !is_resumable(state) {
                let state = state.as_str();
                return Err(FleetError::Ended { run, state });
            }
            // Another process plans it.
            if state != RunState::Planning || !stored.summary.is_alive || stop.is_raised() {
                break stored;
            }
            tokio::time::sleep(PLANNING).await;
        };
        if stored.migrations != self.strategies.fingerprint() {
            return Err(FleetError::OtherMigrations { run });
        }
        let mut options = options_of(&stored)?;
        options.jobs = changes.jobs.unwrap_or(options.jobs);
        options.max_failures = changes.max_failures.unwrap_or(options.max_failures);
        if changes.retries_failed {
            self.directory.retry_failed(run).await?;
        }
        self.drive(run, &options, stored.summary.state, stop, observe).await
    }

    async fn drive(
        &self,
        run: RunId,
        options: &FleetOptions,
        state: RunState,
        stop: &Stop,
        observe: &mut (dyn FnMut(FleetProgress<'_>) + Send),
    ) -> Result<FleetReport, FleetError> {
        let mut runner = Runner::new(self, run, options, stop, observe);
        runner.drive(state).await
    }
}

fn options_of(run: &StoredRun) -> Result<FleetOptions, FleetError> {
    stored::of_text(&run.options).ok_or(FleetError::Corrupt { run: run.summary.id })
}

const fn is_resumable(state: RunState) -> bool {
    matches!(
        state,
        RunState::Planning | RunState::Running | RunState::Stopped | RunState::Failed
    )
}

/// Milliseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn after(now: i64, duration: Duration) -> i64 {
    now.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

impl<DB: DirectoryDatabase> fmt::Debug for Fleet<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

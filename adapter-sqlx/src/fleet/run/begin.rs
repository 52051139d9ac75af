//! A run is begun, shared with the processes that have begun it, or resumed.

use std::time::Duration;

use super::runner::Runner;
use super::stored;
use crate::DirectoryDatabase;
use crate::directory::runs::{NewRun, StoredRun};
use crate::fleet::clock::{after, now};
use crate::fleet::error::FleetError;
use crate::fleet::fleet::Fleet;
use crate::fleet::options::{FleetOptions, ResumeOptions};
use crate::fleet::progress::FleetProgress;
use crate::fleet::report::{FleetReport, RunEnd, RunState};
use crate::fleet::run_id::RunId;
use crate::fleet::stop::Stop;

/// How often a process looks whether another one has planned the run that it shares.
const PLANNING: Duration = Duration::from_millis(200);

/// How many runs of others a process shares at most before it has migrated all tenants.
const SHARED: u32 = 5;

impl<DB: DirectoryDatabase> Fleet<DB> {
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

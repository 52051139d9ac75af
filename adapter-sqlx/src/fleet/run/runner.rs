//! A run, wave by wave.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::DirectoryDatabase;
use crate::directory::runs::ItemState;
use crate::fleet::clock::{after, now};
use crate::fleet::error::FleetError;
use crate::fleet::fleet::Fleet;
use crate::fleet::options::FleetOptions;
use crate::fleet::planning::plan::FleetPlan;
use crate::fleet::planning::read::Choice;
use crate::fleet::progress::{FleetProgress, Wave};
use crate::fleet::report::{FleetReport, RunEnd, RunState};
use crate::fleet::run_id::RunId;
use crate::fleet::stop::Stop;

/// How many failures a report lists.
const LISTED: u16 = 1_000;

/// How often the time that is left of a soak is reported, and the signal to stop looked at.
const TICK: Duration = Duration::from_secs(1);

/// One process's part of a run.
pub(in crate::fleet) struct Runner<'r, DB: DirectoryDatabase> {
    pub(in crate::fleet) fleet: &'r Fleet<DB>,
    pub(in crate::fleet) run: RunId,
    pub(in crate::fleet) options: &'r FleetOptions,
    pub(in crate::fleet) stop: &'r Stop,
    pub(in crate::fleet) observe: &'r mut (dyn FnMut(FleetProgress<'_>) + Send),
    /// What the leases of this process are held by.
    pub(in crate::fleet) owner: String,
    /// When the leases were extended.
    pub(in crate::fleet) renewed: Instant,
    /// Whether another run was begun in the place of this one.
    pub(in crate::fleet) is_abandoned: bool,
    /// How many of the last wave had failed when this process began.
    pub(in crate::fleet) failed_before: u64,
}

impl<'r, DB: DirectoryDatabase> Runner<'r, DB> {
    pub(in crate::fleet) fn new(
        fleet: &'r Fleet<DB>,
        run: RunId,
        options: &'r FleetOptions,
        stop: &'r Stop,
        observe: &'r mut (dyn FnMut(FleetProgress<'_>) + Send),
    ) -> Self {
        Self {
            fleet,
            run,
            options,
            stop,
            observe,
            owner: Uuid::new_v4().simple().to_string(),
            renewed: Instant::now(),
            is_abandoned: false,
            failed_before: 0,
        }
    }

    /// Works on the run, which was found in this state, until it is done or stopped.
    pub(in crate::fleet) async fn drive(&mut self, state: RunState) -> Result<FleetReport, FleetError> {
        (self.observe)(FleetProgress::Began(self.run));
        match self.work(state).await {
            Ok(ended) => self.finish(ended).await,
            Err(error) => {
                // Another process may go on at once. If this fails, it may when the lease has run out.
                let _ = self.fleet.directory.leave_run(self.run, &self.owner, now()).await;
                Err(error)
            }
        }
    }

    async fn work(&mut self, state: RunState) -> Result<RunEnd, FleetError> {
        let directory = &self.fleet.directory;
        if state == RunState::Planning && !self.plan().await? {
            return Ok(RunEnd::Stopped);
        }
        const FROM: &[RunState] = &[
            RunState::Planning,
            RunState::Running,
            RunState::Stopped,
            RunState::Failed,
            RunState::Done,
        ];
        let is_entered = directory
            .set_run_state(self.run, FROM, RunState::Running, now())
            .await?;
        if !is_entered {
            let state = RunState::Abandoned.as_str();
            return Err(FleetError::Ended { run: self.run, state });
        }
        self.renew().await?;
        self.failed_before = directory
            .count_items(self.run, Wave::Rest, &[ItemState::Failed])
            .await?;
        for wave in Wave::ALL {
            let servers = directory.servers_of(self.run, wave).await?;
            if servers.is_empty() {
                continue;
            }
            (self.observe)(FleetProgress::Wave(wave, &servers));
            let ended = self.run_wave(wave, servers).await?;
            if ended != RunEnd::Finished {
                return Ok(ended);
            }
            if wave == Wave::Canaries && !self.soak().await? {
                return Ok(RunEnd::Stopped);
            }
        }
        Ok(RunEnd::Finished)
    }

    /// Lists what is to be migrated. Returns `false` if it was stopped in between: then it is planned again when it is resumed.
    async fn plan(&mut self) -> Result<bool, FleetError> {
        let mut choice = Choice::new(self.options);
        let mut planning = self.fleet.look(self.options).await?;
        while let Some(page) = planning.next().await?
            && !self.stop.is_raised()
        {
            self.fleet.directory.add_items(self.run, &choice.items(&page)).await?;
            self.renew_if_due().await?;
        }
        Ok(!self.stop.is_raised())
    }

    /// Waits until the canaries have been watched for long enough. Returns `false` if it was stopped in between.
    async fn soak(&mut self) -> Result<bool, FleetError> {
        let directory = &self.fleet.directory;
        if self.options.soak.is_zero() || directory.servers_of(self.run, Wave::Rest).await?.is_empty() {
            return Ok(true);
        }
        let ended_at = directory.wave_ended_at(self.run, Wave::Canaries).await?;
        let until = after(ended_at.unwrap_or_else(now), self.options.soak);
        loop {
            let left = u64::try_from(until.saturating_sub(now())).unwrap_or_default();
            if left == 0 {
                return Ok(true);
            }
            let left = Duration::from_millis(left);
            (self.observe)(FleetProgress::Soaking(left));
            tokio::time::sleep(left.min(TICK)).await;
            self.renew_if_due().await?;
            if self.stop.is_raised() || self.is_abandoned {
                return Ok(false);
            }
        }
    }

    /// Extends the leases of this process, once a third of their time is over.
    pub(in crate::fleet) async fn renew_if_due(&mut self) -> Result<(), FleetError> {
        if self.renewed.elapsed() >= self.options.lease / 3 {
            self.renew().await?;
        }
        Ok(())
    }

    async fn renew(&mut self) -> Result<(), FleetError> {
        let directory = &self.fleet.directory;
        let (begun, lease_until) = (Instant::now(), after(now(), self.options.lease));
        directory.extend_leases(self.run, &self.owner, lease_until).await?;
        self.is_abandoned |= !directory.extend_run(self.run, lease_until).await?;
        self.renewed = begun;
        Ok(())
    }

    async fn finish(&mut self, ended: RunEnd) -> Result<FleetReport, FleetError> {
        let directory = &self.fleet.directory;
        let others_work = directory.leave_run(self.run, &self.owner, now()).await?;
        let found = directory.stored_run(self.run, now()).await?;
        let summary = found.ok_or(FleetError::UnknownRun { run: self.run })?.summary;
        let state = match ended {
            RunEnd::Finished if summary.failed == 0 => RunState::Done,
            RunEnd::Finished | RunEnd::TooManyFailures => RunState::Failed,
            RunEnd::Stopped => RunState::Stopped,
        };
        if !others_work {
            // One that was not planned to its end stays so.
            directory
                .set_run_state(self.run, &[RunState::Running], state, now())
                .await?;
        }
        // Nobody waits for this where the run was stopped.
        let fleet = match ended {
            RunEnd::Stopped => FleetPlan::default(),
            RunEnd::Finished | RunEnd::TooManyFailures => {
                self.fleet.look_and_observe(self.options, &mut |_| {}).await?
            }
        };
        Ok(FleetReport {
            run: self.run,
            ended,
            done: summary.done,
            failed: summary.failed,
            failures: directory.failures_of(self.run, "", LISTED).await?,
            pending: summary.pending + summary.running,
            skipped: summary.skipped,
            fleet,
        })
    }
}

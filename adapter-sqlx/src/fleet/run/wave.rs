//! The work of one process in one wave: tenants are begun, and what has become of them is judged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tenancy_core::directory::TenantRecord;
use tokio::task::{Id, JoinError};

use super::runner::Runner;
use super::words;
use super::work::{Ended, Outcome, Running, Work, item, result};
use crate::directory::runs::{ItemState, Turn};
use crate::fleet::error::FleetError;
use crate::fleet::progress::{FleetProgress, ServerTotal, Wave};
use crate::fleet::report::RunEnd;
use crate::fleet::strategies::Migrates;
use crate::{DirectoryDatabase, MigrateOptions, MigrationTarget, StrategyError};

/// How often leases, results and the signal to stop are looked at.
const TICK: Duration = Duration::from_millis(100);

/// How long to wait before it is looked again whether other processes are done.
const OTHERS: Duration = Duration::from_millis(250);

impl<DB: DirectoryDatabase> Runner<'_, DB> {
    /// Migrates what is in a wave, and waits for what other processes have of it.
    pub(in crate::fleet) async fn run_wave(
        &mut self,
        wave: Wave,
        servers: Vec<ServerTotal>,
    ) -> Result<RunEnd, FleetError> {
        let mut work = Work::new(wave, servers);
        let ended = self.run_work(&mut work).await;
        if ended.is_err() {
            // What runs is not broken off because the directory cannot be reached.
            while work.tasks.join_next().await.is_some() {}
        }
        ended
    }

    async fn run_work(&mut self, work: &mut Work) -> Result<RunEnd, FleetError> {
        let failed = self.count_failed(work.wave).await?;
        self.judge_failures(work, failed);
        loop {
            if self.stop.is_raised() || self.is_abandoned {
                self.end(work, RunEnd::Stopped);
            }
            if work.ending.is_some() {
                self.release_queues(work).await?;
            } else if !work.is_counting_failures() {
                self.begin_tenants(work);
            }
            self.use_ledger(work);
            if work.is_idle() {
                if let Some(ending) = work.ending {
                    return Ok(ending);
                }
                if self.is_over(work).await? {
                    return Ok(RunEnd::Finished);
                }
            }
            if let Ok(Some(ended)) = tokio::time::timeout(TICK, work.tasks.join_next_with_id()).await {
                self.ended(work, ended)?;
            }
            self.keep_leases(work).await?;
        }
    }

    /// Begins as many tenants on each server as may be migrated there at once.
    fn begin_tenants(&mut self, work: &mut Work) {
        let jobs = self.options.jobs.get();
        let names: Vec<String> = work.servers.keys().cloned().collect();
        for name in names {
            while let Some(server) = work.servers.get_mut(&name)
                && server.running < jobs
                && let Some((turn, record)) = server.queue.pop_front()
            {
                server.running += 1;
                self.begin_one(work, turn, record);
            }
        }
    }

    fn begin_one(&mut self, work: &mut Work, turn: Turn, record: Option<TenantRecord>) {
        (self.observe)(FleetProgress::Started(item(&turn)));
        let name = record.as_ref().map_or(&turn.strategy, |record| &record.strategy);
        let strategy = self.fleet.strategies.find(name).map(Arc::clone);
        let migrating = migrate(strategy, record, self.options.migrate);
        let task = work.tasks.spawn(async { Ended::Tenant(migrating.await) });
        let begun = Instant::now();
        work.running.insert(task.id(), Running { turn, begun });
    }

    fn ended(&mut self, work: &mut Work, ended: Result<(Id, Ended), JoinError>) -> Result<(), FleetError> {
        match ended {
            Ok((id, Ended::Tenant(outcome))) => self.tenant_ended(work, id, Some(outcome)),
            Ok((_, Ended::Taken { server, limit, taken })) => {
                work.is_at_ledger = false;
                self.taken(work, &server, limit, taken?);
            }
            Ok((_, Ended::Written(failed))) => {
                (work.is_at_ledger, work.writes_failure) = (false, false);
                self.judge_failures(work, failed?);
            }
            Err(error) if work.running.contains_key(&error.id()) => self.tenant_ended(work, error.id(), None),
            Err(error) => {
                // Nobody aborts a task of the ledger, so it has panicked.
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
        Ok(())
    }

    /// `None` is one that has panicked.
    fn tenant_ended(&mut self, work: &mut Work, id: Id, outcome: Option<Outcome>) {
        let Some(Running { turn, begun }) = work.running.remove(&id) else {
            return;
        };
        if let Some(server) = work.servers.get_mut(&turn.server) {
            server.running = server.running.saturating_sub(1);
        }
        let tenant = turn.tenant.as_ref();
        let result = match outcome {
            Some(Ok(migrated)) => {
                (self.observe)(FleetProgress::Done(item(&turn), migrated));
                let mut result = result(turn, ItemState::Done, begun);
                result.to_version = migrated.to;
                result
            }
            failed => {
                let error = failed.and_then(Result::err);
                let failure = match &error {
                    Some(error) => words::failure(tenant, &turn.strategy, error),
                    None => words::panicked(tenant, &turn.strategy),
                };
                (self.observe)(FleetProgress::Failed {
                    item: item(&turn),
                    failure: &failure,
                    error: error.as_ref(),
                });
                let mut result = result(turn, ItemState::Failed, begun);
                result.failure = Some(failure);
                result
            }
        };
        work.results.push(result);
    }

    /// Exclusive, since the observer cannot be shared between threads.
    async fn count_failed(&mut self, wave: Wave) -> Result<u64, FleetError> {
        let directory = &self.fleet.directory;
        Ok(directory.count_items(self.run, wave, &[ItemState::Failed]).await?)
    }

    fn judge_failures(&mut self, work: &mut Work, failed: u64) {
        let is_too_many = match work.wave {
            Wave::SharedTables | Wave::Canaries => failed > 0,
            Wave::Rest => failed.saturating_sub(self.failed_before) >= self.options.max_failures.get(),
        };
        if is_too_many {
            self.end(work, RunEnd::TooManyFailures);
        }
    }

    fn end(&mut self, work: &mut Work, ending: RunEnd) {
        if work.ending.is_none() {
            work.ending = Some(ending);
            (self.observe)(FleetProgress::Ending);
        }
    }

    /// Gives back what was taken and is not begun.
    async fn release_queues(&mut self, work: &mut Work) -> Result<(), FleetError> {
        let queues = work
            .servers
            .values_mut()
            .flat_map(|server| std::mem::take(&mut server.queue));
        let keys: Vec<String> = queues.map(|(turn, _)| turn.key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.fleet.directory.release(self.run, &self.owner, &keys).await?;
        Ok(())
    }

    /// Extends leases. If they had run out, because this process was paused, what is not begun is not this process's any more.
    async fn keep_leases(&mut self, work: &mut Work) -> Result<(), FleetError> {
        if self.renewed.elapsed() >= self.options.lease {
            self.release_queues(work).await?;
            for server in work.servers.values_mut() {
                server.is_empty = false;
            }
        }
        self.renew_if_due().await
    }

    /// Whether nothing of the wave is left. What other processes have of it is waited for, and taken if their leases run out.
    async fn is_over(&mut self, work: &mut Work) -> Result<bool, FleetError> {
        let states = [ItemState::Pending, ItemState::Running];
        let left = self.fleet.directory.count_items(self.run, work.wave, &states).await?;
        let failed = self.count_failed(work.wave).await?;
        self.judge_failures(work, failed);
        if left == 0 {
            return Ok(work.ending.is_none());
        }
        if work.servers.values().all(|server| server.is_empty) {
            (self.observe)(FleetProgress::Waiting(left));
            tokio::time::sleep(OTHERS).await;
        }
        for server in work.servers.values_mut() {
            server.is_empty = false;
        }
        Ok(false)
    }
}

async fn migrate(
    strategy: Option<Arc<dyn Migrates>>,
    record: Option<TenantRecord>,
    options: MigrateOptions,
) -> Outcome {
    let Some(strategy) = strategy else {
        return Err(StrategyError::other(
            "the tenant's strategy has no migrations in this process",
        ));
    };
    let target = match &record {
        Some(record) => MigrationTarget::Tenant(record),
        None => MigrationTarget::SharedTables,
    };
    strategy.migrate(target, &options).await
}

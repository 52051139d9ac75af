//! The work of one process in one wave: takes tenants, migrates them, writes what has become of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_core::names::TenantId;
use tokio::task::{Id, JoinError};

use super::error::FleetError;
use super::fleet::{after, now};
use super::progress::{FleetProgress, Item, ServerTotal, Wave};
use super::report::RunEnd;
use super::run::Runner;
use super::strategies::Migrates;
use super::words;
use super::work::{Outcome, Running, Server, Work};
use crate::directory::runs::{ItemState, Turn, TurnResult};
use crate::{DirectoryDatabase, MigrateOptions, MigrationTarget, StrategyError};

/// How often leases, results and the signal to stop are looked at.
const TICK: Duration = Duration::from_millis(100);

/// How many results wait before they are written, and for how long.
const RESULTS: usize = 50;
const FLUSH: Duration = Duration::from_millis(500);

/// How long to wait before it is looked again whether other processes are done.
const OTHERS: Duration = Duration::from_millis(250);

impl<DB: DirectoryDatabase> Runner<'_, DB> {
    /// Migrates what is in a wave, and waits for what other processes have of it.
    pub(super) async fn run_wave(&mut self, wave: Wave, servers: Vec<ServerTotal>) -> Result<RunEnd, FleetError> {
        let mut work = Work::new(wave, servers);
        let ended = self.run_work(&mut work).await;
        if ended.is_err() {
            // What runs is not broken off because the directory cannot be reached.
            while work.tasks.join_next().await.is_some() {}
        }
        ended
    }

    async fn run_work(&mut self, work: &mut Work) -> Result<RunEnd, FleetError> {
        self.judge_failures(work).await?;
        loop {
            if self.stop.is_raised() || self.is_abandoned {
                self.end(work, RunEnd::Stopped);
            }
            if work.ending.is_none() {
                self.begin_tenants(work).await?;
            } else {
                self.release_queues(work).await?;
            }
            if work.is_idle() {
                self.flush(work).await?;
                if let Some(ending) = work.ending {
                    return Ok(ending);
                }
                if self.is_over(work).await? {
                    return Ok(RunEnd::Finished);
                }
            }
            if let Ok(Some(ended)) = tokio::time::timeout(TICK, work.tasks.join_next_with_id()).await {
                self.ended(work, ended);
            }
            self.keep_leases(work).await?;
            // A failure is counted before another tenant is begun.
            if work.has_failed || work.results.len() >= RESULTS || work.flushed.elapsed() >= FLUSH {
                self.flush(work).await?;
            }
        }
    }

    /// Takes and begins as many tenants on each server as may be migrated there at once.
    async fn begin_tenants(&mut self, work: &mut Work) -> Result<(), FleetError> {
        let jobs = self.options.jobs.get();
        let names: Vec<String> = work.servers.keys().cloned().collect();
        for name in names {
            let Some(server) = work.servers.get_mut(&name) else {
                continue;
            };
            if server.queue.len() < jobs && server.running <= jobs && !server.is_empty {
                self.take(work, &name).await?;
            }
            while let Some(server) = work.servers.get_mut(&name)
                && server.running < jobs
                && let Some((turn, record)) = server.queue.pop_front()
            {
                server.running += 1;
                self.begin_one(work, turn, record);
            }
        }
        Ok(())
    }

    async fn take(&mut self, work: &mut Work, name: &str) -> Result<(), FleetError> {
        let directory = &self.fleet.directory;
        let (jobs, now) = (self.options.jobs.get(), now());
        let lease_until = after(now, self.options.lease);
        let claim = |server: &mut Server| server.next_claim(jobs, Instant::now());
        let limit = work.servers.get_mut(name).map_or(1, claim);
        let turns = directory
            .claim(self.run, work.wave, name, &self.owner, limit, now, lease_until)
            .await?;
        if let Some(server) = work.servers.get_mut(name) {
            server.is_empty = turns.len() < limit;
        }
        let ids: Vec<&TenantId> = turns.iter().filter_map(|turn| turn.tenant.as_ref()).collect();
        let records = directory.records_of(&ids).await?;
        let mut records: HashMap<TenantId, TenantRecord> =
            records.into_iter().map(|record| (record.id.clone(), record)).collect();
        for turn in turns {
            let record = turn.tenant.as_ref().and_then(|tenant| records.remove(tenant));
            if turn.tenant.is_some() && !self.is_to_migrate(record.as_ref()) {
                (self.observe)(FleetProgress::Skipped(item(&turn)));
                work.results.push(result(turn, ItemState::Skipped, Instant::now()));
            } else if let Some(server) = work.servers.get_mut(name) {
                server.queue.push_back((turn, record));
            }
        }
        Ok(())
    }

    /// Whether the tenant is still there, and not archived since it was planned.
    fn is_to_migrate(&self, record: Option<&TenantRecord>) -> bool {
        record.is_some_and(|record| record.status != TenantStatus::Archived || self.options.includes_archived)
    }

    fn begin_one(&mut self, work: &mut Work, turn: Turn, record: Option<TenantRecord>) {
        (self.observe)(FleetProgress::Started(item(&turn)));
        let name = record.as_ref().map_or(&turn.strategy, |record| &record.strategy);
        let strategy = self.fleet.strategies.find(name).map(Arc::clone);
        let task = work.tasks.spawn(migrate(strategy, record, self.options.migrate));
        let begun = Instant::now();
        work.running.insert(task.id(), Running { turn, begun });
    }

    fn ended(&mut self, work: &mut Work, ended: Result<(Id, Outcome), JoinError>) {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, Some(outcome)),
            Err(panicked) => (panicked.id(), None),
        };
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
                work.has_failed = true;
                result
            }
        };
        work.results.push(result);
    }

    /// Writes results, and counts what has failed, here and in other processes.
    async fn flush(&mut self, work: &mut Work) -> Result<(), FleetError> {
        let results = std::mem::take(&mut work.results);
        work.flushed = Instant::now();
        work.has_failed = false;
        if results.is_empty() {
            return Ok(());
        }
        self.fleet
            .directory
            .write_results(self.run, &self.owner, &results, now())
            .await?;
        self.judge_failures(work).await
    }

    async fn judge_failures(&mut self, work: &mut Work) -> Result<(), FleetError> {
        let failed = self
            .fleet
            .directory
            .count_items(self.run, work.wave, &[ItemState::Failed])
            .await?;
        let is_too_many = match work.wave {
            Wave::SharedTables | Wave::Canaries => failed > 0,
            Wave::Rest => failed.saturating_sub(self.failed_before) >= self.options.max_failures.get(),
        };
        if is_too_many {
            self.end(work, RunEnd::TooManyFailures);
        }
        Ok(())
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
        self.judge_failures(work).await?;
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

fn item(turn: &Turn) -> Item<'_> {
    Item {
        tenant: turn.tenant.as_ref(),
        strategy: &turn.strategy,
        server: &turn.server,
    }
}

fn result(turn: Turn, state: ItemState, begun: Instant) -> TurnResult {
    #[cfg(feature = "metrics")]
    crate::operation_metrics::run_item(&turn.strategy, state.as_str());
    TurnResult {
        turn,
        state,
        to_version: None,
        failure: None,
        milliseconds: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
    }
}

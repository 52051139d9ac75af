//! Tenants are taken from the ledger of runs, and results are written there, while others are migrated.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_core::names::TenantId;

use super::runner::Runner;
use super::work::{Ended, Taken, Work, item, result};
use crate::directory::DirectoryError;
use crate::directory::runs::ItemState;
use crate::fleet::clock::{after, now};
use crate::fleet::progress::{FleetProgress, Wave};
use crate::fleet::run_id::RunId;
use crate::{DirectoryDatabase, SqlDirectory};

/// How many results wait before they are written, and for how long.
const RESULTS: usize = 128;
const FLUSH: Duration = Duration::from_millis(500);

impl<DB: DirectoryDatabase> Runner<'_, DB> {
    /// Begins to take tenants or to write results, if one of them is due and nothing else is under way.
    pub(in crate::fleet) fn use_ledger(&self, work: &mut Work) {
        if work.is_at_ledger {
            return;
        }
        let is_counting = work.is_counting_failures();
        // Jobs wait for what is taken, and nobody for a result, unless it is a failure.
        if !is_counting && work.ending.is_none() && self.take(work) {
            return;
        }
        let is_due =
            is_counting || work.results.len() >= RESULTS || work.flushed.elapsed() >= FLUSH || work.is_drained();
        if is_due && !work.results.is_empty() {
            self.write(work);
        }
    }

    /// Takes tenants of the first server that is to have more. Returns `false` if none is.
    fn take(&self, work: &mut Work) -> bool {
        let jobs = self.options.jobs.get();
        let Some((name, server)) = work.servers.iter_mut().find(|(_, server)| server.is_due(jobs)) else {
            return false;
        };
        let limit = server.next_claim(jobs, Instant::now());
        let (directory, run, wave) = (self.fleet.directory.clone(), self.run, work.wave);
        let (owner, server, lease) = (self.owner.clone(), name.clone(), self.options.lease);
        work.is_at_ledger = true;
        work.tasks.spawn(async move {
            let taken = claim(&directory, (run, wave), &server, &owner, limit, lease).await;
            Ended::Taken { server, limit, taken }
        });
        true
    }

    /// Queues tenants that were taken, but for those that are not to be migrated any more.
    pub(in crate::fleet) fn taken(&mut self, work: &mut Work, name: &str, limit: usize, taken: Taken) {
        if let Some(server) = work.servers.get_mut(name) {
            server.is_empty = taken.len() < limit;
        }
        for (turn, record) in taken {
            if turn.tenant.is_some() && !self.is_to_migrate(record.as_ref()) {
                (self.observe)(FleetProgress::Skipped(item(&turn)));
                work.results.push(result(turn, ItemState::Skipped, Instant::now()));
            } else if let Some(server) = work.servers.get_mut(name) {
                server.queue.push_back((turn, record));
            }
        }
    }

    /// Whether the tenant is still there, and not archived since it was planned.
    fn is_to_migrate(&self, record: Option<&TenantRecord>) -> bool {
        record.is_some_and(|record| record.status != TenantStatus::Archived || self.options.includes_archived)
    }

    /// Writes the results that wait, and counts what has failed, here and in other processes.
    fn write(&self, work: &mut Work) {
        work.writes_failure = work.has_failed();
        work.flushed = Instant::now();
        work.is_at_ledger = true;
        let results = std::mem::take(&mut work.results);
        let (directory, run, wave, owner) = (self.fleet.directory.clone(), self.run, work.wave, self.owner.clone());
        work.tasks.spawn(async move {
            let written = directory.write_results(run, &owner, &results, now()).await;
            Ended::Written(match written {
                Ok(()) => directory.count_items(run, wave, &[ItemState::Failed]).await,
                Err(error) => Err(error),
            })
        });
    }
}

/// Takes tenants, and reads their data.
async fn claim<DB: DirectoryDatabase>(
    directory: &SqlDirectory<DB>,
    (run, wave): (RunId, Wave),
    server: &str,
    owner: &str,
    limit: usize,
    lease: Duration,
) -> Result<Taken, DirectoryError> {
    let now = now();
    let turns = directory
        .claim(run, wave, server, owner, limit, now, after(now, lease))
        .await?;
    let ids: Vec<&TenantId> = turns.iter().filter_map(|turn| turn.tenant.as_ref()).collect();
    let records = directory.records_of(&ids).await?;
    let mut records: HashMap<TenantId, TenantRecord> =
        records.into_iter().map(|record| (record.id.clone(), record)).collect();
    let with_record = turns.into_iter().map(|turn| {
        let record = turn.tenant.as_ref().and_then(|tenant| records.remove(tenant));
        (turn, record)
    });
    Ok(with_record.collect())
}

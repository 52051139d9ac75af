//! What one process does in a wave: what it has taken, what runs, and what has come of it.
//!
//! The ledger of runs is read and written by tasks beside those that migrate: no tenant waits for it that has been taken.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use tenancy_core::directory::TenantRecord;
use tokio::task::{Id, JoinSet};

use crate::directory::DirectoryError;
use crate::directory::runs::{ItemState, Turn, TurnResult};
use crate::fleet::progress::{Item, ServerTotal, Wave};
use crate::fleet::report::RunEnd;
use crate::{Migrated, StrategyError};

/// How long what is taken at once is to last: each claim is a transaction of the directory, and what is taken is not another process's.
const AHEAD: Duration = Duration::from_millis(250);

/// How many tenants are taken at once, at most. So many wait for a lease to run out if the process is killed.
const MOST: usize = 128;

pub(in crate::fleet) type Outcome = Result<Migrated, StrategyError>;

/// Tenants that were taken, with their data.
pub(in crate::fleet) type Taken = Vec<(Turn, Option<TenantRecord>)>;

/// What has come of a task.
pub(in crate::fleet) enum Ended {
    /// A tenant was migrated, or was not.
    Tenant(Outcome),
    /// Tenants were taken for a server: fewer than so many if no more are left.
    Taken {
        server: String,
        limit: usize,
        taken: Result<Taken, DirectoryError>,
    },
    /// Results were written. How many of the wave have failed by now, here and in other processes.
    Written(Result<u64, DirectoryError>),
}

/// What is to be migrated on one server.
#[derive(Default)]
pub(in crate::fleet) struct Server {
    /// Taken and not begun, with the data of the tenant.
    pub(in crate::fleet) queue: VecDeque<(Turn, Option<TenantRecord>)>,
    pub(in crate::fleet) running: usize,
    /// Whether nothing is left to take, as of late.
    pub(in crate::fleet) is_empty: bool,
    /// How many the last claim was for, and when it was.
    claimed: Option<(usize, Instant)>,
}

impl Server {
    /// Whether to take more: while what is left lasts, so that no job waits for it.
    pub(in crate::fleet) fn is_due(&self, jobs: usize) -> bool {
        let claimed = self.claimed.map_or(0, |(claimed, _)| claimed);
        !self.is_empty && self.running <= jobs && self.queue.len() < jobs.max(claimed / 4)
    }

    /// How many tenants to take: the first time two for each job, so that other processes find some of a few, and then as many as are
    /// migrated in a [short while](AHEAD), going by the last ones.
    pub(in crate::fleet) fn next_claim(&mut self, jobs: usize, now: Instant) -> usize {
        let first = jobs.saturating_mul(2);
        let claim = match self.claimed {
            None => first,
            Some((claimed, at)) => {
                let lasted = now.duration_since(at).as_millis().max(1);
                let many = u128::try_from(claimed)
                    .unwrap_or(u128::MAX)
                    .saturating_mul(AHEAD.as_millis())
                    / lasted;
                usize::try_from(many).unwrap_or(MOST).clamp(first, first.max(MOST))
            }
        };
        self.claimed = Some((claim, now));
        claim
    }
}

/// A tenant that is being migrated.
pub(in crate::fleet) struct Running {
    pub(in crate::fleet) turn: Turn,
    pub(in crate::fleet) begun: Instant,
}

/// The tasks and results of a wave.
pub(in crate::fleet) struct Work {
    pub(in crate::fleet) wave: Wave,
    pub(in crate::fleet) servers: BTreeMap<String, Server>,
    pub(in crate::fleet) tasks: JoinSet<Ended>,
    pub(in crate::fleet) running: HashMap<Id, Running>,
    /// Whether one of the tasks is at the ledger of runs. Two at once would need another connection.
    pub(in crate::fleet) is_at_ledger: bool,
    pub(in crate::fleet) results: Vec<TurnResult>,
    pub(in crate::fleet) flushed: Instant,
    /// Whether one of the results that are being written is a failure.
    pub(in crate::fleet) writes_failure: bool,
    /// Why nothing else is begun.
    pub(in crate::fleet) ending: Option<RunEnd>,
}

impl Work {
    pub(in crate::fleet) fn new(wave: Wave, servers: Vec<ServerTotal>) -> Self {
        let names = servers.into_iter().map(|server| server.server);
        Self {
            wave,
            servers: names.map(|name| (name, Server::default())).collect(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            is_at_ledger: false,
            results: Vec::new(),
            flushed: Instant::now(),
            writes_failure: false,
            ending: None,
        }
    }

    pub(in crate::fleet) fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.servers.values().all(|server| server.queue.is_empty())
    }

    /// Whether nothing runs that would have a result, and nothing is to be begun.
    pub(in crate::fleet) fn is_drained(&self) -> bool {
        self.running.is_empty() && self.servers.values().all(|server| server.queue.is_empty())
    }

    /// Whether one of the results that wait is a failure.
    pub(in crate::fleet) fn has_failed(&self) -> bool {
        self.results.iter().any(|result| result.state == ItemState::Failed)
    }

    /// Whether a failure is not counted yet: until then no other tenant is begun.
    pub(in crate::fleet) fn is_counting_failures(&self) -> bool {
        self.writes_failure || self.has_failed()
    }
}

pub(in crate::fleet) fn item(turn: &Turn) -> Item<'_> {
    Item {
        tenant: turn.tenant.as_ref(),
        strategy: &turn.strategy,
        server: &turn.server,
    }
}

pub(in crate::fleet) fn result(turn: Turn, state: ItemState, begun: Instant) -> TurnResult {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_at_once_lasts_a_short_while() {
        let (mut server, begun) = (Server::default(), Instant::now());
        let mut claim = |milliseconds| server.next_claim(8, begun + Duration::from_millis(milliseconds));
        assert_eq!(claim(0), 16);
        // A tenant takes 10 ms, then 1 ms, and then a second.
        assert_eq!(claim(160), 25);
        assert_eq!(claim(185), MOST);
        assert_eq!(claim(185 + 128_000), 16);
    }
}

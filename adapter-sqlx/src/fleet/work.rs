//! What one process does in a wave: what it has taken, what runs, and what has come of it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use tenancy_core::directory::TenantRecord;
use tokio::task::{Id, JoinSet};

use super::progress::{ServerTotal, Wave};
use super::report::RunEnd;
use crate::directory::runs::{Turn, TurnResult};
use crate::{Migrated, StrategyError};

/// How long what is taken at once is to last: each claim is a transaction of the directory, and what is taken is not another process's.
const AHEAD: Duration = Duration::from_millis(250);

/// How many tenants are taken at once, at most. So many wait for a lease to run out if the process is killed.
const MOST: usize = 128;

pub(super) type Outcome = Result<Migrated, StrategyError>;

/// What is to be migrated on one server.
#[derive(Default)]
pub(super) struct Server {
    /// Taken and not begun, with the data of the tenant.
    pub(super) queue: VecDeque<(Turn, Option<TenantRecord>)>,
    pub(super) running: usize,
    /// Whether nothing is left to take, as of late.
    pub(super) is_empty: bool,
    /// How many the last claim was for, and when it was.
    claimed: Option<(usize, Instant)>,
}

impl Server {
    /// How many tenants to take: the first time two for each job, so that other processes find some of a few, and then as many as are
    /// migrated in a [short while](AHEAD), going by the last ones.
    pub(super) fn next_claim(&mut self, jobs: usize, now: Instant) -> usize {
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
pub(super) struct Running {
    pub(super) turn: Turn,
    pub(super) begun: Instant,
}

/// The tasks and results of a wave.
pub(super) struct Work {
    pub(super) wave: Wave,
    pub(super) servers: BTreeMap<String, Server>,
    pub(super) tasks: JoinSet<Outcome>,
    pub(super) running: HashMap<Id, Running>,
    pub(super) results: Vec<TurnResult>,
    pub(super) flushed: Instant,
    /// Whether one of the results that wait is a failure.
    pub(super) has_failed: bool,
    /// Why nothing else is begun.
    pub(super) ending: Option<RunEnd>,
}

impl Work {
    pub(super) fn new(wave: Wave, servers: Vec<ServerTotal>) -> Self {
        let names = servers.into_iter().map(|server| server.server);
        Self {
            wave,
            servers: names.map(|name| (name, Server::default())).collect(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            results: Vec::new(),
            flushed: Instant::now(),
            has_failed: false,
            ending: None,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.servers.values().all(|server| server.queue.is_empty())
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

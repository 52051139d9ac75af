//! What one process does in a wave: what it has taken, what runs, and what has come of it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use tenancy_core::directory::TenantRecord;
use tokio::task::{Id, JoinSet};

use super::progress::{ServerTotal, Wave};
use super::report::RunEnd;
use crate::directory::runs::{Turn, TurnResult};
use crate::{Migrated, StrategyError};

/// How many tenants of a server are taken at once, at least, but for the first time: it takes the directory as long for
/// some as for one.
const TURNS: usize = 8;

pub(super) type Outcome = Result<Migrated, StrategyError>;

/// What is to be migrated on one server.
#[derive(Default)]
pub(super) struct Server {
    /// Taken and not begun, with the data of the tenant.
    pub(super) queue: VecDeque<(Turn, Option<TenantRecord>)>,
    pub(super) running: usize,
    /// Whether nothing is left to take, as of late.
    pub(super) is_empty: bool,
    /// How many the last claim was for.
    pub(super) claimed: usize,
}

impl Server {
    /// How many tenants to take: the first time two for each job, so that other processes find some of a few, and then more, since each
    /// claim is a transaction of the directory.
    pub(super) fn next_claim(&self, jobs: usize) -> usize {
        let first = jobs.saturating_mul(2);
        self.claimed.saturating_mul(2).clamp(first, first.max(TURNS))
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

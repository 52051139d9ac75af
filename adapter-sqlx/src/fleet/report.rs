//! What a run has come to.

use std::time::SystemTime;

use tenancy_core::names::{StrategyName, TenantId};

use super::planning::plan::FleetPlan;
use super::run_id::RunId;

/// What a run has come to: numbers, and those that failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FleetReport {
    /// The run. [`Fleet::resume`](crate::fleet::Fleet::resume) takes it.
    pub run: RunId,
    /// How it ended.
    pub ended: RunEnd,
    /// How many tenants and shared tables were migrated by this run, by this process and others.
    pub done: u64,
    /// How many failed.
    pub failed: u64,
    /// The first 1,000 that failed, by their ids.
    pub failures: Vec<RunFailure>,
    /// How many were not begun.
    pub pending: u64,
    /// How many were archived or removed when their turn came.
    pub skipped: u64,
    /// How the fleet stands now, read again when the run had ended: those that others have created or migrated meanwhile included.
    pub fleet: FleetPlan,
}

impl FleetReport {
    /// Whether every tenant is known to have all migrations of this process. Nothing else is success.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.ended == RunEnd::Finished && self.failed == 0 && self.pending == 0 && self.fleet.is_up_to_date()
    }

    /// Whether [`Fleet::resume`](crate::fleet::Fleet::resume) has something left to do in this run.
    #[must_use]
    pub const fn is_resumable(&self) -> bool {
        self.pending > 0 || self.failed > 0
    }
}

/// How a run ended, as far as this process is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunEnd {
    /// Each tenant had its turn.
    Finished,
    /// Too many failed, or a canary did: the others were not begun.
    TooManyFailures,
    /// It was [stopped](crate::fleet::Stop).
    Stopped,
}

/// A tenant that could not be migrated. It stays at the version that it had reached, and the next run goes on there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunFailure {
    /// The tenant; `None` for shared tables.
    pub tenant: Option<TenantId>,
    /// The strategy.
    pub strategy: StrategyName,
    /// The migration that failed, if it was one.
    pub version: Option<i64>,
    /// The database's code of the error.
    pub sqlstate: Option<String>,
    /// What failed, without anything of the tenant's data: the database's own message may quote that.
    pub words: String,
}

/// A run, as the ledger of runs has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunSummary {
    /// The run.
    pub id: RunId,
    /// Whether it is under way.
    pub state: RunState,
    /// Who began it.
    pub actor: String,
    /// Why, where it was said.
    pub reason: Option<String>,
    /// When it began.
    pub started: SystemTime,
    /// When it ended.
    pub finished: Option<SystemTime>,
    /// Whether a process works on it: it has renewed its lease in time.
    pub is_alive: bool,
    /// Tenants and shared tables that are done.
    pub done: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that are being migrated, or were when their process ended.
    pub running: u64,
    /// Those that have not begun.
    pub pending: u64,
    /// Those that were archived or removed meanwhile.
    pub skipped: u64,
}

/// What the ledger of runs says of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunState {
    /// Its tenants are being listed.
    Planning,
    /// Its tenants are being migrated, unless its process has ended without a word: see [`RunSummary::is_alive`].
    Running,
    /// Each tenant had its turn, and none failed.
    Done,
    /// Each tenant had its turn, and some failed; or too many failed.
    Failed,
    /// It was stopped.
    Stopped,
    /// Another run was begun in its place.
    Abandoned,
}

impl RunState {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Abandoned => "abandoned",
        }
    }

    pub(crate) fn of_text(text: &str) -> Option<Self> {
        [
            Self::Planning,
            Self::Running,
            Self::Done,
            Self::Failed,
            Self::Stopped,
            Self::Abandoned,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
    }
}

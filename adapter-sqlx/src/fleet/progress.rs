//! What is reported while a run goes on.

use std::time::Duration;

use tenancy_core::names::{StrategyName, TenantId};

use super::report::RunFailure;
use super::run_id::RunId;
use crate::{Migrated, StrategyError};

/// What happens while a run goes on, in the order in which it is known.
#[derive(Debug)]
#[non_exhaustive]
pub enum FleetProgress<'p> {
    /// The run is in the ledger of runs, and its tenants are being listed.
    Began(RunId),
    /// A wave begins. It has so many tenants on each server, of this process and others.
    Wave(Wave, &'p [ServerTotal]),
    /// A tenant, or the shared tables of a strategy, is being migrated by this process.
    Started(Item<'p>),
    /// It is migrated.
    Done(Item<'p>, Migrated),
    /// It failed. The error itself may quote a tenant's data: it is for the eyes of this process's operator, and `failure` is what
    /// is stored.
    Failed {
        /// What failed.
        item: Item<'p>,
        /// What is stored of it.
        failure: &'p RunFailure,
        /// The error, unless the migration panicked.
        error: Option<&'p StrategyError>,
    },
    /// It was archived or removed when its turn came.
    Skipped(Item<'p>),
    /// The canaries are done, and so much of the time remains in which they are watched. It is repeated every second.
    Soaking(Duration),
    /// The others wait for tenants that another process works on: so many.
    Waiting(u64),
    /// No other tenant is begun: the run was stopped, or too many have failed. What runs is finished.
    Ending,
}

/// What is migrated at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Wave {
    /// The tables that all tenants of a strategy share.
    SharedTables,
    /// Some tenants before the others.
    Canaries,
    /// The others.
    Rest,
}

impl Wave {
    pub(crate) const ALL: [Self; 3] = [Self::SharedTables, Self::Canaries, Self::Rest];

    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::SharedTables => 0,
            Self::Canaries => 1,
            Self::Rest => 2,
        }
    }
}

/// How many tenants of a wave there are on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerTotal {
    /// The server.
    pub server: String,
    /// All of them.
    pub total: u64,
    /// Those that had their turn before.
    pub ended: u64,
}

/// A tenant of a run, or the shared tables of a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Item<'p> {
    /// The tenant; `None` for shared tables.
    pub tenant: Option<&'p TenantId>,
    /// The strategy.
    pub strategy: &'p StrategyName,
    /// The server.
    pub server: &'p str,
}

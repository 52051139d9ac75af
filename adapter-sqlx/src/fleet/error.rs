//! Why a run cannot begin or go on.

use tenancy_core::names::{StrategyName, TenantId};
use thiserror::Error;

use super::run_id::RunId;
use crate::{DirectoryError, StrategyError};

/// Why a fleet cannot be planned or migrated. That a tenant fails is no error of this kind: look at the
/// [report](crate::fleet::FleetReport).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FleetError {
    /// The directory could not be queried or changed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The versions of a strategy's tenants could not be read.
    #[error("failed to read the versions of the strategy `{strategy}`")]
    Versions {
        /// The strategy.
        strategy: StrategyName,
        /// Why.
        source: Box<StrategyError>,
    },
    /// A migration that runs outside of a transaction has more than one statement. If the second failed, nobody could tell that the
    /// first has run: write one statement a file.
    #[error(
        "the migration {version} (`{description}`) of the strategy `{strategy}` runs outside of a transaction and has \
        {statements} statements: write one statement for each such migration"
    )]
    SeveralStatements {
        /// The strategy.
        strategy: StrategyName,
        /// The migration's version.
        version: i64,
        /// Its description, which is the name of its file.
        description: String,
        /// How many statements it has.
        statements: usize,
    },
    /// A run is under way by another process. [`Fleet::join`](crate::fleet::Fleet::join) shares its work.
    #[error("the run {run} is under way in another process: join it, or wait until it has ended")]
    UnderWay {
        /// That run.
        run: RunId,
    },
    /// There is no such run.
    #[error("there is no run {run}")]
    UnknownRun {
        /// The number.
        run: RunId,
    },
    /// No run is left to resume.
    #[error("no run is unfinished")]
    NothingToResume,
    /// The run has ended, or another was begun in its place.
    #[error("the run {run} is {state} and cannot be resumed: begin a new one, which finds what is left")]
    Ended {
        /// The run.
        run: RunId,
        /// Its state.
        state: &'static str,
    },
    /// The run was begun by a process that has other migrations.
    #[error("the run {run} was begun with other migrations than this process has: begin a new one")]
    OtherMigrations {
        /// The run.
        run: RunId,
    },
    /// A canary is not in the directory.
    #[error("no tenant `{tenant}` is in the directory, which was to be migrated first")]
    UnknownCanary {
        /// The id.
        tenant: TenantId,
    },
    /// A tenant that was named is not in the directory.
    #[error("no tenant `{tenant}` is in the directory, which was to be migrated")]
    UnknownTenant {
        /// The id.
        tenant: TenantId,
    },
    /// A strategy that was named has no migrations here.
    #[error("the strategy `{strategy}` has no migrations in this process")]
    NoMigrations {
        /// The strategy.
        strategy: StrategyName,
    },
    /// The baseline is no version of a migration.
    #[error("the strategy `{strategy}` has no migration of the version {version}, which was to be the baseline")]
    UnknownBaseline {
        /// The strategy.
        strategy: StrategyName,
        /// The version.
        version: i64,
    },
    /// The ledger of runs holds what this version cannot read.
    #[error("failed to read the run {run} from the ledger of runs")]
    Corrupt {
        /// The run.
        run: RunId,
    },
}

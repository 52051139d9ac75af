//! The commands about the fence.

use clap::Subcommand;
use tenancy::names::StrategyName;

use super::change::Confirmed;

#[derive(Debug, Subcommand)]
pub(crate) enum FenceCommand {
    /// Fence the databases of the strategies, so that a suspension binds at once. Interrupted, the same command goes on.
    On(FenceOn),
    /// Show which databases are fenced, and which places do not follow the directory.
    Status,
    /// Let places follow the directory that do not yet.
    Finish(FenceFinish),
}

#[derive(Debug, clap::Args)]
pub(crate) struct FenceOn {
    /// Fence this strategy, and those in the same database; may be given several times [default: all of the file].
    #[arg(long = "strategy", value_name = "STRATEGY")]
    pub(crate) strategies: Vec<StrategyName>,
    #[command(flatten)]
    pub(crate) confirmed: Confirmed,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FenceFinish {
    /// Also write places anew that differ from the directory because one of them is older: after a backup was restored. The
    /// directory is in force then, whatever a place has seen.
    #[arg(long)]
    pub(crate) restored: bool,
    #[command(flatten)]
    pub(crate) confirmed: Confirmed,
}

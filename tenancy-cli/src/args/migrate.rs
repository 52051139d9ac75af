//! The commands about migrations of all tenants, and their runs.

use std::collections::BTreeSet;
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use clap::Subcommand;
use tenancy::names::TenantId;
use tenancy_sqlx::fleet::{Canaries, RunId};

use super::change::Confirmed;
use super::selection::Selection;

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Show which tenants are behind, and change nothing. It ends with 3 if one is behind or ahead, or cannot be migrated.
    Plan(PlanMigrations),
    /// Migrate what is behind: shared tables, canaries, and then the others. It ends with 0 only if nothing is behind any more, and
    /// with 4 if some are. Interrupted, it finishes what runs, ends with 130 and prints the command that goes on.
    Run(Box<RunMigrations>),
    /// Show how far the latest run, or this one, has come. It ends with 3 if something of it is left.
    Status(RunStatus),
    /// Go on with a run that ended early, or share the work of one that is under way.
    Resume(ResumeRun),
    /// Compare the schemas, databases and files of tenants of one version. It ends with 3 if one differs.
    Drift(FindDrift),
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    /// List runs of migrations, the latest first.
    List {
        /// List at most so many.
        #[arg(long, value_name = "N", default_value = "20")]
        limit: NonZeroU16,
    },
    /// Show one run, and what failed in it.
    Show {
        /// The run.
        #[arg(value_name = "RUN")]
        run: RunId,
    },
}

/// Which tenants are meant; all unless something is said.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Scope {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Archived tenants, too. Without it they are skipped, unless `--status archived` selects them.
    #[arg(long)]
    include_archived: bool,
    /// Read each tenant's own ledger of migrations, and do not believe the recorded versions: it finds migrations that were
    /// changed, or left out.
    #[arg(long)]
    pub(crate) verify_ledgers: bool,
}

impl Scope {
    pub(crate) fn includes_archived(&self) -> bool {
        let status = self.selection.filter.status;
        self.include_archived || status == Some(tenancy::directory::TenantStatus::Archived)
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct PlanMigrations {
    #[command(flatten)]
    pub(crate) scope: Scope,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunMigrations {
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// Migrate these before the others: ids, such as `acme,globex`, or a part of those that are behind, such as `2%`. If one fails,
    /// the others are not begun.
    #[arg(long, value_name = "IDS|PERCENT%", value_parser = canaries)]
    pub(crate) canary: Option<Canaries>,
    /// How long to wait behind the canaries, such as `10m` [default: not at all].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, requires = "canary")]
    pub(crate) soak: Option<Duration>,
    /// How many tenants at once on each server [default: 4].
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// After how many failures no other tenant is begun [default: 10; 1 among canaries].
    #[arg(long, value_name = "N")]
    pub(crate) max_failures: Option<NonZeroU64>,
    /// How long one attempt of a migration waits for a lock, such as `2s`; there are 10 [default: 2s].
    #[arg(long, value_name = "TIME", value_parser = lock_timeout)]
    pub(crate) lock_timeout: Option<Duration>,
    /// How long after this process last renewed its leases another one may go on with its work, such as `1m`; at least `1s`
    /// [default: 1m].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) lease: Option<Duration>,
    /// Write the migrations up to this version into the ledgers, and run none: for tables that are there already. Without a version,
    /// up to the newest one.
    #[arg(long, value_name = "VERSION", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "absent is one thing, and without a version another")]
    pub(crate) fake: Option<Option<i64>>,
    /// Migrate those again that failed in the latest run, and no others. `migrate resume --retry-failed` goes on with all of it.
    #[arg(long, conflicts_with_all = ["ids", "tenants", "status", "strategy", "placement", "all"])]
    pub(crate) retry_failed: bool,
    /// Share the work of a run that is under way, where there is one, in place of ending with an error.
    #[arg(long)]
    pub(crate) join: bool,
    #[command(flatten)]
    pub(crate) confirmed: Confirmed,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunStatus {
    /// The run [default: the latest].
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<RunId>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResumeRun {
    /// The run [default: the latest].
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<RunId>,
    /// Try those again that failed, too.
    #[arg(long)]
    pub(crate) retry_failed: bool,
    /// How many tenants at once on each server [default: as the run was begun].
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// After how many more failures no other tenant is begun [default: as the run was begun].
    #[arg(long, value_name = "N")]
    pub(crate) max_failures: Option<NonZeroU64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FindDrift {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Compare with this tenant [default: with what the most tenants of the same version have].
    #[arg(long, value_name = "ID")]
    pub(crate) reference: Option<TenantId>,
    /// Compare with what the migrations make, in a database that is thrown away afterwards.
    #[arg(long, conflicts_with = "reference")]
    pub(crate) build: bool,
}

fn canaries(text: &str) -> Result<Canaries, String> {
    if let Some(percent) = text.strip_suffix('%') {
        return match percent.parse() {
            Ok(percent @ 1..=100) => Ok(Canaries::Percent(percent)),
            _ => Err("expected a part between `1%` and `100%`".to_owned()),
        };
    }
    let ids: Result<BTreeSet<TenantId>, String> = text
        .split(',')
        .map(|id| id.trim().parse().map_err(|error| format!("`{id}`: {error}")))
        .collect();
    Ok(Canaries::Tenants(ids?))
}

/// None at all would be without end.
fn lock_timeout(text: &str) -> Result<Duration, String> {
    let timeout = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let limit = Duration::from_millis(u64::from(NonZeroU32::MAX.get() / 2));
    if timeout < Duration::from_millis(1) || timeout > limit {
        return Err("expected a time between `1ms` and `24days`".to_owned());
    }
    Ok(timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canaries_are_ids_or_a_part() {
        let ids = |ids: &[&str]| Canaries::Tenants(ids.iter().map(|id| id.parse().unwrap()).collect());
        assert_eq!(canaries("2%"), Ok(Canaries::Percent(2)));
        assert_eq!(canaries("100%"), Ok(Canaries::Percent(100)));
        assert_eq!(canaries("acme"), Ok(ids(&["acme"])));
        assert_eq!(canaries("acme, globex"), Ok(ids(&["acme", "globex"])));
        for wrong in [
            "",
            "0%",
            "101%",
            "-1%",
            "2.5%",
            "%",
            "acme,",
            "ACME",
            "acme globex",
            "300%",
        ] {
            assert!(canaries(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_lock_is_waited_for_and_not_for_ever() {
        assert_eq!(lock_timeout("2s"), Ok(Duration::from_secs(2)));
        for wrong in ["0s", "0", "soon", "1us", "60days"] {
            assert!(lock_timeout(wrong).is_err(), "{wrong}");
        }
    }
}

//! `migrate run`: what is behind, migrated.

use tenancy::{Data, OpenDatabase};
use tenancy_sqlx::MigrateOptions;
use tenancy_sqlx::fleet::{Fleet, FleetError, FleetOptions, FleetProgress, FleetReport, Stop};

use super::board::Board;
use super::chosen::{chosen, failed};
use super::plan::{look, run_again, told};
use super::{report, standing};
use crate::args::RunMigrations;
use crate::interrupt::Interrupt;
use crate::output::{Answer, Failure, Next, Output, confirm_many};
use crate::site::{Operated, Site};

pub(crate) async fn run<DB: Operated>(
    site: &Site<'_>,
    run: &RunMigrations,
    interrupt: &Interrupt,
) -> Result<Answer, Failure> {
    let change = &run.confirmed.change;
    let data = site.migrations::<DB>((!change.dry_run).then_some(change)).await?;
    let ran = run_in(site, &data, run, interrupt).await;
    data.close().await;
    ran
}

async fn run_in<DB: Operated>(
    site: &Site<'_>,
    data: &Data<DB>,
    run: &RunMigrations,
    interrupt: &Interrupt,
) -> Result<Answer, Failure> {
    let mut options = chosen(data, &run.scope, run.canary.as_ref()).await?;
    let mut again = run_again(&run.scope.selection, run.scope.includes_archived());
    if run.retry_failed {
        options = failed(data, options).await?;
        again.push_str(" --retry-failed");
    }
    let options = with_baseline(data, with_limits(options, run), run).await?;
    if run.confirmed.change.dry_run {
        let (plan, behind) = look(data, &options).await?;
        let findings = standing::findings(&plan, &again);
        return Ok(told(&plan, behind, &findings).with("dry_run", true));
    }
    confirm(data, &options, run).await?;
    let fleet = Fleet::new(data.directory.clone(), &data.db)?;
    let report = watched(site.output, interrupt, async |board, stop| {
        let observe = |progress: FleetProgress<'_>| board.observe(&progress, site.output);
        if run.join {
            fleet.join(&options, &stop, observe).await
        } else {
            fleet.run(&options, &stop, observe).await
        }
    })
    .await?;
    Ok(report::answer(&report, &again))
}

fn with_limits(mut options: FleetOptions, run: &RunMigrations) -> FleetOptions {
    if let Some(soak) = run.soak {
        options = options.with_soak(soak);
    }
    if let Some(jobs) = run.jobs {
        options = options.with_jobs(jobs);
    }
    if let Some(max_failures) = run.max_failures {
        options = options.with_max_failures(max_failures);
    }
    if let Some(lease) = run.lease {
        options = options.with_lease(lease);
    }
    if let Some(lock_timeout) = run.lock_timeout {
        options = options.with_lock_timeout(lock_timeout, MigrateOptions::DEFAULT.attempts);
    }
    options
}

/// The version that ledgers are written up to, where they are.
async fn with_baseline<DB: OpenDatabase>(
    data: &Data<DB>,
    options: FleetOptions,
    run: &RunMigrations,
) -> Result<FleetOptions, Failure> {
    let Some(version) = run.fake else {
        return Ok(options);
    };
    let (plan, _) = look(data, &options).await?;
    let mut baseline = version;
    for name in plan.strategies.keys() {
        let strategy = data.db.strategies().find(name);
        let migrations = strategy.as_ref().ok().and_then(|strategy| strategy.migrations());
        let Some(migrations) = migrations else {
            continue;
        };
        let newest = migrations.latest();
        let found = baseline.or(newest);
        let is_known = found.is_some_and(|version| migrations.migrator.version_exists(version));
        if !is_known || (version.is_none() && found != newest) {
            let message = match version {
                Some(version) => format!("the strategy `{name}` has no migration of the version {version}"),
                None => "the strategies have different newest versions".to_owned(),
            };
            return Err(Failure::usage(message).advise("give `--strategy`, and `--fake` with one of its versions"));
        }
        baseline = found;
    }
    Ok(match baseline {
        Some(version) => options.with_baseline(version),
        None => options,
    })
}

/// Asks, unless the tenants are named one by one and are really migrated.
async fn confirm<DB: OpenDatabase>(
    data: &Data<DB>,
    options: &FleetOptions,
    run: &RunMigrations,
) -> Result<(), Failure> {
    let is_named = !run.scope.selection.named().is_empty();
    if run.confirmed.yes || (is_named && run.fake.is_none()) {
        return Ok(());
    }
    let (plan, _) = look(data, options).await?;
    if plan.behind() == 0 {
        return Ok(());
    }
    let what = standing::behind(&plan);
    let question = if run.fake.is_some() {
        format!("write migrations into the ledgers of {what} without running them, whatever their tables are")
    } else {
        format!("migrate {what}")
    };
    confirm_many(&question, run.confirmed.yes)
}

/// Works on a run, shows how far it has come, and ends it early at SIGINT. A failure says how it goes on.
pub(super) async fn watched(
    output: &Output,
    interrupt: &Interrupt,
    work: impl AsyncFnOnce(&Board, Stop) -> Result<FleetReport, FleetError>,
) -> Result<FleetReport, Failure> {
    let (board, stop) = (Board::new(output), Stop::new());
    let raised = {
        let (interrupt, stop) = (interrupt.clone(), stop.clone());
        tokio::spawn(async move {
            interrupt.raised().await;
            stop.raise();
        })
    };
    let worked = work(&board, stop).await;
    raised.abort();
    worked.map_err(|error| {
        let is_over = matches!(error, FleetError::Ended { .. } | FleetError::OtherMigrations { .. });
        let failure = Failure::from(error);
        match board.run().filter(|_| !is_over) {
            Some(run) => failure.and(Next::Run(format!("migrate resume {run}"))),
            None => failure,
        }
    })
}

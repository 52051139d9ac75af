//! Which tenants a command about migrations is about, as options of the fleet.

use std::collections::BTreeSet;

use tenancy::directory::{TenantEntry as _, TenantStatus};
use tenancy::names::{StrategyName, TenantId};
use tenancy::{Data, OpenDatabase};
use tenancy_sqlx::SqlDirectory;
use tenancy_sqlx::fleet::{Canaries, Fleet, FleetError, FleetOptions};
use tenancy_sqlx::{DirectoryEntry, PageRequest};

use crate::args::{Scope, Selection};
use crate::commands::tenants::next_page;
use crate::output::Failure;
use crate::site::{Operated, entry};

/// How many failures are read at a time.
const PAGE: u16 = 1_000;

/// The options that say which tenants are meant.
pub(super) async fn chosen<DB: Operated>(
    data: &Data<DB>,
    scope: &Scope,
    canary: Option<&Canaries>,
) -> Result<FleetOptions, Failure> {
    let mut options = FleetOptions::new();
    if scope.includes_archived() {
        options = options.with_archived();
    }
    if scope.verify_ledgers {
        options = options.with_verified_ledgers();
    }
    let migrated = migrated(data);
    if migrated.is_empty() {
        return Err(no_migrations("no strategy of the service has migrations"));
    }
    if let Some(canary) = canary {
        options = options.with_canaries(canary.clone());
        require_selected(&data.directory, scope, canary).await?;
    }
    let selection = &scope.selection;
    let filter = &selection.filter;
    if let Some(strategy) = &filter.strategy
        && !migrated.contains(strategy)
    {
        let message = format!("the strategy `{strategy}` has no migrations in this service");
        return Err(no_migrations(message));
    }
    let has_strategy_alone = selection.named().is_empty() && filter.status.is_none() && filter.placement.is_none();
    if has_strategy_alone {
        return Ok(match &filter.strategy {
            Some(strategy) => options.with_strategies([strategy.clone()]),
            None => options,
        });
    }
    let mut tenants = BTreeSet::new();
    let mut strategies = BTreeSet::new();
    each(&data.directory, selection, |entry| {
        let record = entry.record();
        if migrated.contains(&record.strategy) {
            strategies.insert(record.strategy.clone());
            tenants.insert(record.id.clone());
        } else if data.db.strategies().find(&record.strategy).is_err() {
            return Err(unknown_strategy(&record.id, &record.strategy));
        } else if !selection.named().is_empty() {
            let message = format!(
                "the strategy `{}` of the tenant `{}` has no migrations in this service",
                record.strategy, record.id
            );
            return Err(no_migrations(message));
        }
        if is_skipped(entry, scope) && selection.named().contains(&record.id) {
            return Err(archived(&record.id));
        }
        Ok(())
    })
    .await?;
    Ok(options.with_tenants(tenants).with_strategies(strategies))
}

/// Narrows the options to what failed in the latest run.
pub(super) async fn failed<DB: OpenDatabase>(data: &Data<DB>, options: FleetOptions) -> Result<FleetOptions, Failure> {
    let fleet = Fleet::new(data.directory.clone(), &data.db)?;
    let latest = fleet.runs(1).await?.pop();
    let run = latest.ok_or_else(|| Failure::from(FleetError::NothingToResume))?.id;
    let (mut tenants, mut strategies) = (BTreeSet::new(), BTreeSet::new());
    let mut after: Option<TenantId> = None;
    loop {
        let page = fleet.failures(run, after.as_ref().map(TenantId::as_str), PAGE).await?;
        strategies.extend(page.iter().map(|failure| failure.strategy.clone()));
        tenants.extend(page.iter().filter_map(|failure| failure.tenant.clone()));
        let last = page.iter().rev().find_map(|failure| failure.tenant.clone());
        if page.len() < usize::from(PAGE) || last.is_none() {
            break;
        }
        after = last;
    }
    Ok(options.with_tenants(tenants).with_strategies(strategies))
}

/// The strategies that have migrations.
fn migrated<DB: OpenDatabase>(data: &Data<DB>) -> BTreeSet<StrategyName> {
    let strategies = data.db.strategies();
    let has_migrations = |name: &&StrategyName| {
        let strategy = strategies.find(name);
        let migrations = strategy.as_ref().ok().and_then(|strategy| strategy.migrations());
        migrations.is_some_and(|migrations| migrations.latest().is_some())
    };
    strategies.names().filter(has_migrations).cloned().collect()
}

/// A canary that the run leaves out would be none, and the others would be migrated all at once.
async fn require_selected<DB: Operated>(
    directory: &SqlDirectory<DB>,
    scope: &Scope,
    canaries: &Canaries,
) -> Result<(), Failure> {
    let Canaries::Tenants(canaries) = canaries else {
        return Ok(());
    };
    let named = scope.selection.named();
    for id in canaries {
        let canary = entry(directory, id).await?;
        let is_selected = (named.is_empty() || named.contains(id)) && scope.selection.filter.matches(&canary);
        if !is_selected {
            let message = format!("the canary `{id}` is not among the tenants that are selected");
            return Err(Failure::usage(message).advise("select it, too, or name another canary"));
        }
        if is_skipped(&canary, scope) {
            return Err(archived(id));
        }
    }
    Ok(())
}

fn is_skipped(entry: &DirectoryEntry, scope: &Scope) -> bool {
    entry.record().status == TenantStatus::Archived && !scope.includes_archived()
}

fn archived(id: &TenantId) -> Failure {
    Failure::usage(format!("the tenant `{id}` is archived, and would be skipped"))
        .advise("give `--include-archived`, or leave it out")
}

/// Nobody knows whether such a tenant is behind.
pub(super) fn unknown_strategy(id: &TenantId, strategy: &StrategyName) -> Failure {
    let message = format!("the strategy `{strategy}` of the tenant `{id}` is not in the configuration");
    Failure::new("unknown_strategy", message)
        .advise("add the strategy to the configuration, or select others, such as by `--strategy`")
}

fn no_migrations(message: impl Into<String>) -> Failure {
    Failure::new("no_migrations", message).advise(
        "name the folder of its migrations in its table of the file, or run the service's own command, which has them compiled in",
    )
}

/// Calls `visit` for each tenant of a selection; all if nothing is selected. Those that are named must match the rest of it.
pub(super) async fn each<DB: Operated>(
    directory: &SqlDirectory<DB>,
    selection: &Selection,
    mut visit: impl FnMut(&DirectoryEntry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (named, filter) = (selection.named(), &selection.filter);
    for id in &named {
        let entry = entry(directory, id).await?;
        if filter.matches(&entry) {
            visit(&entry)?;
        }
    }
    let mut request = named.is_empty().then(PageRequest::first);
    while let Some(page) = request {
        let page = next_page(directory, filter, &page).await?;
        for entry in page.items.iter().filter(|entry| filter.matches(entry)) {
            visit(entry)?;
        }
        request = page.next;
    }
    Ok(())
}

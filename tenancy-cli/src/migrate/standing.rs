//! How tenants stand: for people, for machines, and what of it needs somebody.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tenancy::names::{StrategyName, TenantId};
use tenancy_sqlx::fleet::{FleetPlan, Listing, Planned, StrategyPlan};
use tenancy_sqlx::{DataVersion, Standing};

use crate::check::Finding;
use crate::output::{Table, printable};

/// How many ids a sentence names.
const NAMED: usize = 5;

/// How many tenants that are behind are listed.
const LISTED: usize = 100;

/// The first tenants that are behind.
#[derive(Debug, Default)]
pub(super) struct Behind {
    first: Vec<Value>,
    lines: Vec<String>,
}

impl Behind {
    pub(super) fn observe(&mut self, planned: &Planned<'_>) {
        let is_behind = planned.version.is_some_and(|found| found.standing == Standing::Behind);
        if !is_behind || self.lines.len() == LISTED {
            return;
        }
        let version = planned.version.and_then(|found| found.version);
        let what = planned
            .tenant
            .map_or("shared tables".to_owned(), |tenant| tenant.to_string());
        let (from, to) = (text_of(version), text_of(planned.target));
        self.lines
            .push(format!("behind   {what} ({}): {from} -> {to}", planned.strategy));
        self.first.push(json!({
            "id": planned.tenant.map(TenantId::as_str),
            "strategy": planned.strategy.as_str(),
            "version": version,
            "target": planned.target,
        }));
    }

    pub(super) fn text(&self, all: u64) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let _ = writeln!(text, "{}", printable(line));
        }
        let listed = u64::try_from(self.lines.len()).unwrap_or(u64::MAX);
        if all > listed {
            let _ = writeln!(text, "behind   and {} more", all - listed);
        }
        text
    }

    pub(super) fn machine(self) -> Vec<Value> {
        self.first
    }
}

fn text_of(version: Option<i64>) -> String {
    version.map_or("-".to_owned(), |version| version.to_string())
}

/// A row for each strategy.
pub(super) fn table(plan: &FleetPlan) -> Table {
    let mut table = Table::new([
        "strategy",
        "version",
        "up to date",
        "behind",
        "ahead",
        "changed",
        "not provisioned",
        "unreadable",
        "archived",
        "shared tables",
    ]);
    for (name, strategy) in &plan.strategies {
        let target = text_of(strategy.target);
        if let Some(shared) = strategy.shared_tables {
            let standing = format!("{} at {}", shared.standing, text_of(shared.version));
            table.row([name.as_str(), &target, "-", "-", "-", "-", "-", "-", "-", &standing]);
            continue;
        }
        table.row([
            name.as_str(),
            &target,
            &strategy.up_to_date.to_string(),
            &strategy.behind.to_string(),
            &strategy.ahead.count.to_string(),
            &strategy.changed.count.to_string(),
            &strategy.not_provisioned.count.to_string(),
            &strategy.unreadable.count.to_string(),
            &strategy.archived.to_string(),
            "-",
        ]);
    }
    table
}

pub(super) fn machine(plan: &FleetPlan) -> Vec<Value> {
    let strategies = plan.strategies.iter();
    strategies.map(|(name, strategy)| of_strategy(name, strategy)).collect()
}

fn of_strategy(name: &StrategyName, strategy: &StrategyPlan) -> Value {
    let shared = |version: DataVersion| json!({ "standing": version.standing.as_str(), "version": version.version });
    json!({
        "strategy": name.as_str(),
        "target": strategy.target,
        "shared_tables": strategy.shared_tables.map(shared),
        "up_to_date": strategy.up_to_date,
        "behind": strategy.behind,
        "ahead": listing(&strategy.ahead),
        "changed": listing(&strategy.changed),
        "not_provisioned": listing(&strategy.not_provisioned),
        "unreadable": listing(&strategy.unreadable),
        "archived": strategy.archived,
    })
}

fn listing(listing: &Listing) -> Value {
    let mut first: Vec<&str> = listing.first.iter().map(TenantId::as_str).collect();
    // Those that were read at once come in any order.
    first.sort_unstable();
    json!({ "count": listing.count, "first": first })
}

/// What is behind, in words.
pub(super) fn behind(plan: &FleetPlan) -> String {
    let tenants: u64 = plan.strategies.values().map(|strategy| strategy.behind).sum();
    let tables = match plan.behind() - tenants {
        0 => None,
        1 => Some("the shared tables of 1 strategy".to_owned()),
        number => Some(format!("the shared tables of {number} strategies")),
    };
    let tenants = match tenants {
        0 => None,
        1 => Some("1 tenant".to_owned()),
        number => Some(format!("{number} tenants")),
    };
    let both: Vec<String> = tables.into_iter().chain(tenants).collect();
    both.join(" and ")
}

/// What of a plan needs somebody. `run` is the command that migrates what is behind.
pub(crate) fn findings(plan: &FleetPlan, run: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, strategy) in &plan.strategies {
        findings.extend(of_shared_tables(name, strategy, run));
        findings.extend(of_tenants(name, strategy, run));
    }
    for (name, tenants) in &plan.unknown_strategies {
        let message = of(name, *tenants, "unknown, since the service does not have that strategy");
        findings.push(Finding::new("unknown_strategy", message).advise("add the strategy to the configuration"));
    }
    findings
}

const NEWER: &str = "run the newest release's command: this one does not have the migrations";
const ANOTHER: &str = "at a migration that is another one here, or not there";
const LOST: &str = "without a place for their data";
const UNREADABLE: &str = "unknown, since their ledgers could not be read";
const RESTORE: &str = "restore their data, or delete them: it is in no other place";
const REACH: &str = "see that their databases run, and look again";
const CHANGED: &str = "put the text back that has run, and write another migration for what is to change";

fn of_shared_tables(name: &StrategyName, strategy: &StrategyPlan, run: &str) -> Option<Finding> {
    let DataVersion { standing, version, .. } = strategy.shared_tables?;
    let (version, target) = (text_of(version), text_of(strategy.target));
    match standing {
        Standing::UpToDate => None,
        Standing::Behind => {
            let message =
                format!("the shared tables of `{name}` are behind: at {version}, and this release has {target}");
            Some(Finding::new("tables_behind", message).run(run))
        }
        Standing::Ahead => {
            let message =
                format!("the shared tables of `{name}` are ahead: at {version}, and this release has {target}");
            Some(Finding::new("tables_ahead", message).advise(NEWER))
        }
        Standing::Changed { version } => {
            let message = format!(
                "the migration {version} has run on the shared tables of `{name}`, and is another one here, or not there"
            );
            Some(Finding::new("migration_changed", message).advise(CHANGED))
        }
        _ => {
            let message = format!("the shared tables of `{name}` are not there");
            Some(Finding::new("not_provisioned", message).run("init"))
        }
    }
}

fn of_tenants(name: &StrategyName, strategy: &StrategyPlan, run: &str) -> Vec<Finding> {
    let target = text_of(strategy.target);
    let mut findings = Vec::new();
    if strategy.behind > 0 {
        let message = of(name, strategy.behind, &format!("behind the version {target}"));
        findings.push(Finding::new("tenants_behind", message).run(run));
    }
    let listed = [
        (
            &strategy.ahead,
            strategy.ahead.count,
            "tenants_ahead",
            format!("ahead of the version {target}"),
            NEWER,
        ),
        (
            &strategy.changed,
            strategy.changed.count,
            "migration_changed",
            ANOTHER.to_owned(),
            CHANGED,
        ),
        (
            &strategy.not_provisioned,
            strategy.lost,
            "not_provisioned",
            LOST.to_owned(),
            RESTORE,
        ),
        (
            &strategy.unreadable,
            strategy.unreadable.count,
            "unreadable",
            UNREADABLE.to_owned(),
            REACH,
        ),
    ];
    for (listing, number, code, what, advice) in listed.into_iter().filter(|(_, number, ..)| *number > 0) {
        let message = format!("{}: {}", of(name, number, &what), some_of(listing));
        findings.push(Finding::new(code, message).advise(advice));
    }
    findings
}

/// So many tenants of a strategy are something.
fn of(strategy: impl std::fmt::Display, number: u64, what: &str) -> String {
    if number == 1 {
        format!("1 tenant of `{strategy}` is {what}")
    } else {
        format!("{number} tenants of `{strategy}` are {what}")
    }
}

fn some_of(listing: &Listing) -> String {
    let first: Vec<&str> = listing.first.iter().take(NAMED).map(TenantId::as_str).collect();
    let named = u64::try_from(first.len()).unwrap_or(u64::MAX);
    let more = if listing.count > named { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

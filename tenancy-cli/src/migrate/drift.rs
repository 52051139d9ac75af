//! `migrate drift`: whether tenants of one version are alike.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tenancy::Data;
use tenancy::directory::{TenantEntry as _, TenantRecord};
use tenancy::names::TenantId;
use tenancy_sqlx::drift::{
    Change as Differs, Difference, DriftOptions, DriftReference, DriftReport, StrategyDrift, VersionDrift,
};

use super::chosen::{each, unknown_strategy};
use crate::args::FindDrift;
use crate::interrupt::Interrupt;
use crate::output::{Answer, Exit, Failure, printable};
use crate::site::{Operated, Site};

/// How many ids a line names.
const NAMED: usize = 20;

pub(crate) async fn drift<DB: Operated>(
    site: &Site<'_>,
    drift: &FindDrift,
    interrupt: &Interrupt,
) -> Result<Answer, Failure> {
    let data = site.migrations::<DB>(None).await?;
    let compared = tokio::select! {
        biased;
        // What was made to compare with is removed first.
        compared = compare(&data, drift) => Some(compared),
        () = interrupt.raised(), if !drift.build => None,
    };
    data.close().await;
    match compared {
        Some(compared) => Ok(told(&compared?, drift)),
        None => Ok(Answer::interrupted()),
    }
}

async fn compare<DB: Operated>(data: &Data<DB>, drift: &FindDrift) -> Result<DriftReport, Failure> {
    let reference = match (&drift.reference, drift.build) {
        (Some(id), _) => DriftReference::Tenant(id.clone()),
        (None, true) => DriftReference::Build,
        (None, false) => DriftReference::Majority,
    };
    let mut tenants: Vec<TenantRecord> = Vec::new();
    each(&data.directory, &drift.selection, |entry| {
        tenants.push(entry.record().clone());
        Ok(())
    })
    .await?;
    if let Some(id) = &drift.reference {
        let reference = crate::site::entry(&data.directory, id).await?;
        if tenants.iter().all(|tenant| tenant.id != *id) {
            tenants.push(reference.record().clone());
        }
    }
    let known = data.db.strategies();
    if let Some(tenant) = tenants.iter().find(|tenant| known.find(&tenant.strategy).is_err()) {
        return Err(unknown_strategy(&tenant.id, &tenant.strategy));
    }
    let options = DriftOptions::new().with_reference(reference);
    Ok(data.db.drift(&tenants, &options).await?)
}

fn told(report: &DriftReport, drift: &FindDrift) -> Answer {
    let strategies: Vec<Value> = report.strategies.iter().map(of_strategy).collect();
    let reference = match (&drift.reference, drift.build) {
        (Some(id), _) => id.as_str(),
        (None, true) => "build",
        (None, false) => "majority",
    };
    let answer = Answer::new(text(report))
        .with("reference", reference)
        .with("strategies", strategies);
    if report.is_clean() {
        return answer;
    }
    answer
        .advise("mend each difference by a migration that brings every tenant to the same state, whatever it has now")
        .ending(Exit::Found)
}

fn text(report: &DriftReport) -> String {
    let mut text = String::new();
    if report.strategies.is_empty() {
        text.push_str("there is no tenant to compare\n");
    }
    for line in report.to_string().lines() {
        let _ = writeln!(text, "{}", printable(line));
    }
    let versions = report.strategies.iter().flat_map(|strategy| &strategy.versions);
    for difference in versions.flat_map(|version| &version.differences) {
        let _ = writeln!(
            text,
            "{}",
            printable(&format!("- {difference}: {}", some_of(&difference.tenants)))
        );
    }
    text
}

fn some_of(ids: &[TenantId]) -> String {
    let named: Vec<&str> = ids.iter().take(NAMED).map(TenantId::as_str).collect();
    let more = if ids.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", named.join(", "))
}

fn ids(ids: &[TenantId]) -> Vec<&str> {
    ids.iter().map(TenantId::as_str).collect()
}

fn of_strategy(strategy: &StrategyDrift) -> Value {
    json!({
        "strategy": strategy.strategy.as_str(),
        "shares_tables": strategy.shares_tables,
        "versions": strategy.versions.iter().map(of_version).collect::<Vec<_>>(),
        "not_provisioned": ids(&strategy.not_provisioned),
        "leftovers": strategy.leftovers,
    })
}

fn of_version(version: &VersionDrift) -> Value {
    let not_compared = version.not_compared.iter();
    let not_compared =
        not_compared.map(|left_out| json!({ "function": left_out.function, "tenants": left_out.tenants }));
    json!({
        "version": version.version,
        "tenants": version.tenants,
        "as_expected": version.as_expected,
        "compared": version.is_compared,
        "reference": version.reference.as_ref().map(TenantId::as_str),
        "tie": version.tie,
        "differences": version.differences.iter().map(of_difference).collect::<Vec<_>>(),
        "changing": ids(&version.changing),
        "not_compared": not_compared.collect::<Vec<_>>(),
    })
}

fn of_difference(difference: &Difference) -> Value {
    let change = match difference.change {
        Differs::Missing => "missing",
        Differs::Additional => "additional",
        Differs::Changed => "changed",
        _ => "other",
    };
    json!({
        "change": change,
        "kind": difference.kind,
        "name": difference.name,
        "aspect": difference.aspect,
        "expected": difference.expected,
        "found": difference.found,
        "tenants": ids(&difference.tenants),
        "message": difference.to_string(),
    })
}

//! The fence: turned on, relied on, and finished after anything that comes between.

mod restored;
mod serving;
mod turned_on;
mod two_steps;

use crate::support::Service;

/// A service whose databases are fenced, with a tenant `acme-STRATEGY` of each strategy.
fn fence(service: &Service) {
    create(service);
    service.run(["fence", "on", "--yes"]).ended(0);
    service.fence_in_file(service.strategies);
}

fn create(service: &Service) {
    for strategy in service.strategies {
        let id = &*format!("acme-{strategy}");
        service.run(["tenant", "create", id, "--strategy", strategy]).ended(0);
    }
}

/// The codes of what was found, each once.
fn codes(findings: &serde_json::Value) -> Vec<String> {
    let findings = findings.as_array().unwrap();
    let mut codes: Vec<String> = findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect();
    codes.sort();
    codes.dedup();
    codes
}

/// The findings of one look of `check`.
fn looked(checked: &serde_json::Value, name: &str) -> Vec<String> {
    let checks = checked["checks"].as_array().unwrap();
    let look = checks.iter().find(|check| check["check"] == name).unwrap();
    codes(&look["findings"])
}

//! Features are additive, so each must build alone.

use serde_json::Value;

use crate::command::{Failure, cargo, metadata};

/// Lints each library of the workspace without features, and with each feature alone.
pub(crate) fn check_each_alone() -> Result<(), Failure> {
    let metadata = metadata("--no-deps")?;
    let mut checked = 0;
    let mut failures = Vec::new();
    for package in libraries(&metadata) {
        let name = name(package);
        let each_alone = [None].into_iter().chain(features(package).map(Some));
        let failed = each_alone.filter_map(|feature| lint(name, feature).err());
        failures.extend(failed.map(|failure| failure.to_string()));
        checked += 1;
    }
    if checked == 0 {
        return Err(Failure::new("`cargo metadata` lists no library"));
    }
    println!("{checked} libraries");
    Failure::unless_none(failures)
}

fn lint(package: &str, feature: Option<&str>) -> Result<(), Failure> {
    let lint = cargo([
        "clippy",
        "--lib",
        "--locked",
        "--no-default-features",
        "--package",
        package,
    ]);
    match feature {
        Some(feature) => lint.args(["--features", feature]),
        None => lint,
    }
    .args(["--", "-D", "warnings"])
    .run()
}

/// The packages of the workspace that are libraries.
pub(super) fn libraries(metadata: &Value) -> impl Iterator<Item = &Value> {
    let packages = metadata.get("packages").and_then(Value::as_array);
    packages.into_iter().flatten().filter(|package| is_library(package))
}

pub(super) fn name(package: &Value) -> &str {
    package.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn is_library(package: &Value) -> bool {
    let targets = package.get("targets").and_then(Value::as_array);
    let mut kinds = targets.into_iter().flatten().filter_map(|target| target.get("kind"));
    kinds.any(|kind| {
        kind.as_array()
            .is_some_and(|kind| kind.iter().any(|kind| kind == "lib"))
    })
}

fn features(package: &Value) -> impl Iterator<Item = &str> {
    let features = package.get("features").and_then(Value::as_object);
    features
        .into_iter()
        .flat_map(|features| features.keys())
        .map(String::as_str)
}

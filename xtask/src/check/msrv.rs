//! No library promises to build with a Rust that one of its dependencies refuses.
//!
//! That the code itself uses no newer function of the standard library is checked by clippy's `incompatible_msrv`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::tracked::none_of;
use crate::command::{Failure, metadata};

/// The major, minor and patch number.
type Version = [u32; 3];

pub(crate) fn check() -> Result<(), Failure> {
    let graph = Graph::of(&metadata("--all-features")?);
    let mut findings = Vec::new();
    let mut promised = 0;
    for member in &graph.members {
        let Some(own) = graph.versions.get(member) else {
            continue;
        };
        promised += 1;
        for dependency in graph.dependencies_of(member) {
            let needed = graph.versions.get(dependency).filter(|needed| *needed > own);
            findings.extend(needed.map(|needed| format!("  {member} promises {own:?}; {dependency} needs {needed:?}")));
        }
    }
    none_of(&findings, "dependencies that need a newer Rust")?;
    println!("{promised} manifests with a `rust-version`");
    Ok(())
}

#[derive(Default)]
struct Graph {
    members: Vec<String>,
    versions: BTreeMap<String, Version>,
    /// Without those of tests.
    edges: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn of(metadata: &Value) -> Self {
        let mut graph = Self::default();
        for member in list(metadata, "workspace_members") {
            graph.members.extend(member.as_str().map(str::to_owned));
        }
        for package in list(metadata, "packages") {
            let version = text(package, "rust_version").and_then(parse);
            if let (Some(id), Some(version)) = (text(package, "id"), version) {
                graph.versions.insert(id.to_owned(), version);
            }
        }
        for node in list(metadata.get("resolve").unwrap_or(&Value::Null), "nodes") {
            let used = list(node, "deps").filter(|dependency| is_built(dependency));
            let used = used.filter_map(|dependency| text(dependency, "pkg").map(str::to_owned));
            if let Some(id) = text(node, "id") {
                graph.edges.insert(id.to_owned(), used.collect());
            }
        }
        graph
    }

    fn dependencies_of(&self, package: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open = vec![package];
        while let Some(next) = open.pop() {
            for dependency in self.edges.get(next).into_iter().flatten() {
                if found.insert(dependency.as_str()) {
                    open.push(dependency);
                }
            }
        }
        found
    }
}

/// Whether a user builds it: it is no dependency of tests, nor of Windows alone.
fn is_built(dependency: &Value) -> bool {
    list(dependency, "dep_kinds").any(|kind| {
        let platform = text(kind, "target").unwrap_or_default();
        text(kind, "kind") != Some("dev") && !platform.contains("windows") && !platform.contains("wasm")
    })
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

fn parse(version: &str) -> Option<Version> {
    let mut parts = version.split('.').map(str::parse);
    let major = parts.next()?.ok()?;
    let mut next = || parts.next().map_or(Some(0), Result::ok);
    Some([major, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(parse("1.88"), Some([1, 88, 0]));
        assert!(parse("1.100.0") > parse("1.94.1"));
        assert_eq!(parse("one"), None);
    }
}

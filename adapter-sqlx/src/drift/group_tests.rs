//! Tenants that are grouped, and read twice.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use tenancy_core::names::TenantId;

use super::catalog::{Catalog, Fact, OwnName};
use super::group::{Fingerprint, ReadCatalogs, Reference, Survey, Surveyed};
use super::report::{Change, VersionDrift};
use crate::{StrategyError, StrategyFuture};

/// A table, and an index unless it is one that lacks it.
fn catalog(has_index: bool) -> Catalog {
    let mut catalog = Catalog::default();
    for fact in facts(has_index) {
        catalog.insert(fact);
    }
    catalog
}

fn facts(has_index: bool) -> Vec<Fact> {
    let fact = |kind: &str, parent: Option<&str>| Fact {
        kind: kind.to_owned(),
        name: format!("a {kind}"),
        parent: parent.map(str::to_owned),
        aspects: vec![("definition", Some("x".to_owned()))],
    };
    let mut facts = vec![fact("table", None)];
    facts.extend(has_index.then(|| fact("index", Some("a table"))));
    facts
}

fn surveyed(id: &str, has_index: bool) -> Surveyed {
    let mut one = Surveyed::new(id.parse().unwrap(), Some(1));
    for fact in facts(has_index) {
        one.add(&fact, &OwnName::default());
    }
    one
}

/// By the second reading, these tenants have the index.
struct Later(&'static [&'static str]);

impl ReadCatalogs for Later {
    fn catalogs<'r>(&'r self, tenants: Vec<TenantId>) -> StrategyFuture<'r, Vec<(TenantId, Catalog)>> {
        let read = tenants.into_iter().map(|tenant| {
            let has_index = self.0.contains(&tenant.as_str());
            (tenant, catalog(has_index))
        });
        let read = read.collect();
        Box::pin(async { Ok(read) })
    }
}

fn compared(first: &[(&str, bool)], later: &'static [&'static str]) -> Result<VersionDrift, StrategyError> {
    let survey = Survey {
        reference: Reference::Majority,
        reader: &Later(later),
    };
    let surveyed = first.iter().map(|(id, has_index)| surveyed(id, *has_index)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime
        .block_on(survey.compare(surveyed))
        .map(|mut versions| versions.remove(0))
}

#[test]
fn the_order_in_which_objects_are_read_is_no_part_of_a_fingerprint() {
    let (mut one, mut other) = (Fingerprint::default(), Fingerprint::default());
    for fact in facts(true) {
        one.add(&fact, &OwnName::default());
    }
    for fact in facts(true).iter().rev() {
        other.add(fact, &OwnName::default());
    }
    assert_eq!(one, other);
    assert_ne!(one, Fingerprint::of(&catalog(false)));
}

#[test]
fn a_tenant_that_changes_between_the_two_readings_is_named_and_not_judged() {
    let first = [("a", true), ("b", true), ("c", false)];
    let drift = compared(&first, &["a", "b"]).unwrap();
    assert_eq!(drift.differences.len(), 1);
    assert_eq!(drift.differences[0].change, Change::Missing);
    assert!(drift.changing.is_empty());

    let drift = compared(&first, &["a", "b", "c"]).unwrap();
    assert_eq!((drift.as_expected, drift.differences.len()), (2, 0));
    assert_eq!(drift.changing, ["c"]);
    assert!(!drift.is_clean());
}

#[test]
fn a_reference_that_changes_between_the_two_readings_compares_nothing() {
    let refused = compared(&[("a", true), ("b", true), ("c", false)], &["b"]);
    assert!(refused.unwrap_err().to_string().contains("`a`"));
}

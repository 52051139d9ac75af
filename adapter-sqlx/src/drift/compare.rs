//! Two catalogs, object by object.

use std::collections::BTreeSet;

use super::catalog::{BODY, Catalog, Key, Object, OwnName};
use super::report::Change;

/// How one object differs from the reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deviation {
    pub(super) change: Change,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) aspect: Option<&'static str>,
}

/// A deviation, and what each of the two has.
pub(super) struct Found {
    pub(super) deviation: Deviation,
    pub(super) expected: Option<String>,
    pub(super) found: Option<String>,
}

/// What of `tenant` differs from `reference`.
pub(super) fn compare(reference: &Catalog, tenant: &Catalog) -> Vec<Found> {
    let missing = only_in(reference, tenant);
    let additional = only_in(tenant, reference);
    let mut found = Vec::new();
    for (key, object) in &reference.objects {
        match tenant.objects.get(key) {
            None if belongs_to(object, &missing) => {}
            None => found.push(whole(Change::Missing, key)),
            Some(other) => found.extend(changes(key, (object, &reference.own), (other, &tenant.own))),
        }
    }
    for (key, object) in &tenant.objects {
        if !reference.objects.contains_key(key) && !belongs_to(object, &additional) {
            found.push(whole(Change::Additional, key));
        }
    }
    found
}

/// The tables and views that only the first has.
fn only_in<'c>(one: &'c Catalog, other: &Catalog) -> BTreeSet<&'c str> {
    let is_only_here = |key: &&Key| is_relation(&key.kind) && !other.objects.contains_key(key);
    let relations = one.objects.keys().filter(is_only_here);
    relations.map(|key| key.name.as_str()).collect()
}

fn is_relation(kind: &str) -> bool {
    matches!(kind, "table" | "view")
}

/// What belongs to a table that is not there is not missing by itself.
fn belongs_to(object: &Object, relations: &BTreeSet<&str>) -> bool {
    let parent = object.parent.as_deref();
    parent.is_some_and(|parent| relations.contains(parent))
}

fn whole(change: Change, key: &Key) -> Found {
    Found {
        deviation: Deviation {
            change,
            kind: key.kind.clone(),
            name: key.name.clone(),
            aspect: None,
        },
        expected: None,
        found: None,
    }
}

fn changes<'o>(
    key: &'o Key,
    (reference, own): (&'o Object, &'o OwnName),
    (tenant, other_own): (&'o Object, &'o OwnName),
) -> impl Iterator<Item = Found> + use<'o> {
    let pairs = reference.aspects.iter().zip(&tenant.aspects);
    let mut differing: Vec<_> = pairs
        .filter(|((aspect, expected), (_, found))| match (expected, found) {
            (None, None) => false,
            (Some(expected), Some(found)) => !is_same(aspect, (expected, own), (found, other_own)),
            _ => true,
        })
        .collect();
    // What of a column has no word of its own stands in its definition, and the rest does, too.
    if key.kind == "column" && differing.len() > 1 {
        differing.retain(|((aspect, _), _)| *aspect != "definition");
    }
    differing
        .into_iter()
        .map(move |((aspect, expected), (_, found))| Found {
            deviation: Deviation {
                change: Change::Changed,
                kind: key.kind.clone(),
                name: key.name.clone(),
                aspect: Some(aspect),
            },
            expected: expected.as_deref().map(|text| own.replace(text).into_owned()),
            found: found.as_deref().map(|text| other_own.replace(text).into_owned()),
        })
}

/// A schema may be called as a table or a column of it is. So what differs only by such a name is the same.
fn is_same(aspect: &str, (one, own): (&str, &OwnName), (other, other_own): (&str, &OwnName)) -> bool {
    if aspect == BODY && (own.is_in(one) || other_own.is_in(other)) {
        return true;
    }
    let without = |text: &str| other_own.replace(&own.replace(text)).into_owned();
    own.replace(one) == other_own.replace(other) || without(one) == without(other)
}

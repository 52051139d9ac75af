//! Two catalogs, object by object.

use std::collections::BTreeSet;

use super::catalog::{BODY, Catalog, Object, OwnName};
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
    for ((kind, name), object) in &reference.objects {
        match tenant.objects.get(&(kind.clone(), name.clone())) {
            None if belongs_to(object, &missing) => {}
            None => found.push(whole(Change::Missing, kind, name)),
            Some(other) => found.extend(changes((kind, name), (object, &reference.own), (other, &tenant.own))),
        }
    }
    for ((kind, name), object) in &tenant.objects {
        let is_there = reference.objects.contains_key(&(kind.clone(), name.clone()));
        if !is_there && !belongs_to(object, &additional) {
            found.push(whole(Change::Additional, kind, name));
        }
    }
    found
}

/// The tables and views that only the first has.
fn only_in<'c>(one: &'c Catalog, other: &Catalog) -> BTreeSet<&'c str> {
    let relations = one.objects.iter().filter(|((kind, name), object)| {
        object.parent.is_none() && is_relation(kind) && !other.objects.contains_key(&(kind.clone(), name.clone()))
    });
    relations.map(|((_, name), _)| name.as_str()).collect()
}

fn is_relation(kind: &str) -> bool {
    matches!(kind, "table" | "view")
}

/// What belongs to a table that is not there is not missing by itself.
fn belongs_to(object: &Object, relations: &BTreeSet<&str>) -> bool {
    object
        .parent
        .as_deref()
        .is_some_and(|parent| relations.contains(parent))
}

fn whole(change: Change, kind: &str, name: &str) -> Found {
    Found {
        deviation: Deviation {
            change,
            kind: kind.to_owned(),
            name: name.to_owned(),
            aspect: None,
        },
        expected: None,
        found: None,
    }
}

fn changes<'o>(
    (kind, name): (&'o str, &'o str),
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
    if kind == "column" && differing.len() > 1 {
        differing.retain(|((aspect, _), _)| *aspect != "definition");
    }
    differing
        .into_iter()
        .map(move |((aspect, expected), (_, found))| Found {
            deviation: Deviation {
                change: Change::Changed,
                kind: kind.to_owned(),
                name: name.to_owned(),
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

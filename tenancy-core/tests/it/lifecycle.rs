//! A tenant's life, against the table that the documentation shows.
#![cfg(feature = "std")]

use proptest::prelude::*;
use tenancy_core::directory::TenantStatus;
use tenancy_core::lifecycle::{Next, Stage, Verb};

/// For each verb, what it does in each stage: `.` is nothing, `x` is refused, else the first letter of the stage that comes next.
/// Columns: provisioning, active, suspended, archived, removed.
const TABLE: [(Verb, &str); 6] = [
    (Verb::Complete, "A.xxx"),
    (Verb::Suspend, "xS.xx"),
    (Verb::Activate, "x.Axx"),
    (Verb::Archive, "HHH.x"),
    (Verb::Restore, "xx.Sx"),
    (Verb::Delete, "xxxR."),
];

const fn letter(stage: Stage) -> char {
    match stage {
        Stage::Provisioning => 'P',
        Stage::Active => 'A',
        Stage::Suspended => 'S',
        Stage::Archived => 'H',
        Stage::Removed => 'R',
    }
}

fn outcome(verb: Verb, stage: Stage) -> char {
    match verb.apply(stage) {
        Ok(Next::Unchanged) => '.',
        Ok(Next::Becomes(next)) => letter(next),
        Err(refused) => {
            assert_eq!((refused.stage(), refused.verb()), (stage, verb));
            'x'
        }
    }
}

#[test]
fn each_verb_in_each_stage() {
    assert_eq!(TABLE.map(|(verb, _)| verb), Verb::ALL);
    for (verb, row) in TABLE {
        let outcomes: String = Stage::ALL.iter().map(|stage| outcome(verb, *stage)).collect();
        assert_eq!(outcomes, row, "{verb:?}");
    }
}

/// One who names the status that they want, as a seed does, can do what the verbs can, and nothing else.
#[test]
fn a_status_is_reached_by_a_verb_or_not_at_all() {
    let statuses = || Stage::ALL.into_iter().filter_map(Stage::status);
    for from in statuses() {
        for to in statuses() {
            let reachable = Verb::ALL
                .into_iter()
                .any(|verb| verb.apply(from.into()) == Ok(Next::Becomes(to.into())));
            match Verb::between(from, to) {
                Ok(None) => assert_eq!(from, to),
                Ok(Some(verb)) => assert_eq!(verb.apply(from.into()), Ok(Next::Becomes(to.into()))),
                Err(refused) => {
                    assert!(!reachable && from != to, "{from:?} to {to:?}");
                    assert_eq!(Stage::from(from), refused.stage());
                }
            }
        }
    }
}

#[test]
fn a_refusal_says_what_to_do_first() {
    for (verb, stage, words) in [
        (
            Verb::Activate,
            Stage::Archived,
            "an archived tenant cannot be activated; restore it first",
        ),
        (
            Verb::Delete,
            Stage::Active,
            "an active tenant cannot be deleted; archive it first",
        ),
        (
            Verb::Delete,
            Stage::Suspended,
            "a suspended tenant cannot be deleted; archive it first",
        ),
        (
            Verb::Suspend,
            Stage::Provisioning,
            "a provisioning tenant cannot be suspended; complete its creation first",
        ),
        (Verb::Suspend, Stage::Removed, "a removed tenant cannot be suspended"),
        (
            Verb::Complete,
            Stage::Archived,
            "an archived tenant cannot be completed",
        ),
    ] {
        assert_eq!(verb.apply(stage).unwrap_err().to_string(), words);
    }
    let back = Verb::between(TenantStatus::Active, TenantStatus::Provisioning).unwrap_err();
    assert_eq!(back.to_string(), "an active tenant cannot be completed");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever commands are given, in whatever order.
    #[test]
    fn any_life(steps in prop::collection::vec(0..Verb::ALL.len(), 0..40)) {
        let mut stage = Stage::Provisioning;
        for verb in steps.into_iter().map(|step| Verb::ALL[step]) {
            let before = stage;
            match verb.apply(stage) {
                Ok(Next::Becomes(next)) => {
                    prop_assert_eq!(next, verb.target());
                    prop_assert_ne!(next, before);
                    stage = next;
                }
                Ok(Next::Unchanged) => prop_assert_eq!(verb.target(), before),
                Err(_) => prop_assert_ne!(verb.target(), before),
            }
            // A command that is given again changes nothing more.
            if verb.target() == stage && before != stage {
                prop_assert_eq!(verb.apply(stage), Ok(Next::Unchanged));
            }
            // Nobody comes back from the archive unseen.
            prop_assert!(before != Stage::Archived || stage != Stage::Active);
            prop_assert!(before != Stage::Removed || stage == Stage::Removed);
            prop_assert!(stage != Stage::Removed || before == Stage::Archived || before == Stage::Removed);
        }
    }
}

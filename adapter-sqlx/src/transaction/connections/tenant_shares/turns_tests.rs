//! Turns against a model that looks at everything each time.

use proptest::prelude::*;
use tenancy_core::names::TenantId;

use super::turns::{ShareLimits, Turns};

fn id(number: usize) -> TenantId {
    format!("t{number}").parse().unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A tenant wants a transaction.
    Begin(usize),
    /// One of those that are under way ends, chosen by this number.
    End(usize),
    /// One of those that wait gives up.
    GiveUp(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5_usize).prop_map(Step::Begin),
        3 => any::<usize>().prop_map(Step::End),
        1 => any::<usize>().prop_map(Step::GiveUp),
    ]
}

/// What is so, written down as plainly as can be.
struct Model {
    limits: ShareLimits,
    under_way: Vec<usize>,
    /// Who waits, by the number of its arrival.
    waiting: Vec<(usize, u64)>,
}

impl Model {
    fn of(&self, tenant: usize) -> usize {
        self.under_way.iter().filter(|other| **other == tenant).count()
    }

    fn may_begin(&self, tenant: usize) -> bool {
        let free = self.limits.max - self.under_way.len();
        let is_nearly_used_up = free * 5 < self.limits.max + 5;
        free > 0 && (!is_nearly_used_up || self.of(tenant) < self.limits.per_tenant)
    }

    /// Whose turn it is.
    fn next(&self) -> Option<(usize, u64)> {
        let waiting = self.waiting.iter().filter(|(tenant, _)| self.may_begin(*tenant));
        waiting
            .min_by_key(|(tenant, arrival)| (self.of(*tenant), *arrival))
            .copied()
    }
}

proptest! {
    #[test]
    fn turns_are_those_of_the_model(
        max in 1..13_usize,
        per_tenant in 0..14_usize,
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let limits = ShareLimits::new(max, per_tenant);
        let mut turns: Turns<u64> = Turns::new(limits);
        let mut model = Model { limits, under_way: Vec::new(), waiting: Vec::new() };
        let mut arrivals = 0;
        for step in steps {
            match step {
                Step::Begin(tenant) => {
                    let may_begin = model.may_begin(tenant);
                    prop_assert_eq!(turns.enter(&id(tenant)), may_begin);
                    if may_begin {
                        model.under_way.push(tenant);
                    } else {
                        arrivals += 1;
                        prop_assert_eq!(turns.wait(&id(tenant), arrivals), arrivals);
                        model.waiting.push((tenant, arrivals));
                    }
                }
                Step::End(at) if !model.under_way.is_empty() => {
                    let tenant = model.under_way.swap_remove(at % model.under_way.len());
                    let served = turns.leave(&id(tenant));
                    let mut expected = Vec::new();
                    while let Some((tenant, arrival)) = model.next() {
                        model.waiting.retain(|(_, other)| *other != arrival);
                        model.under_way.push(tenant);
                        expected.push((id(tenant), arrival));
                    }
                    prop_assert_eq!(served, expected);
                }
                Step::GiveUp(at) if !model.waiting.is_empty() => {
                    let (tenant, arrival) = model.waiting.remove(at % model.waiting.len());
                    prop_assert_eq!(turns.give_up(&id(tenant), arrival), Some(arrival));
                    prop_assert_eq!(turns.give_up(&id(tenant), arrival), None);
                }
                Step::End(_) | Step::GiveUp(_) => {}
            }
            prop_assert!(model.under_way.len() <= max);
            prop_assert_eq!(model.next(), None, "nobody waits who may begin");
            for tenant in 0..5 {
                prop_assert_eq!(turns.under_way(&id(tenant)), model.of(tenant));
            }
        }
        for (tenant, arrival) in std::mem::take(&mut model.waiting) {
            turns.give_up(&id(tenant), arrival);
        }
        for tenant in std::mem::take(&mut model.under_way) {
            prop_assert_eq!(turns.leave(&id(tenant)), vec![]);
        }
        prop_assert_eq!(turns.remembered(), 0);
    }
}

/// However many of one tenant come, the last connections are for others, and the next that is free is for who has none.
#[test]
fn one_tenant_takes_no_more_than_the_rest_of_a_pool() {
    let (acme, globex) = (id(0), id(1));
    let mut turns: Turns<u64> = Turns::new(ShareLimits::new(10, 5));
    let begun = (0..50).filter(|number| turns.enter(&acme) || turns.wait(&acme, *number) == 0);
    assert_eq!(begun.count(), 8);
    assert!(turns.enter(&globex) && turns.enter(&globex));
    assert!(!turns.enter(&globex));
    turns.wait(&globex, 100);
    assert_eq!(turns.leave(&acme), [(globex.clone(), 100)]);
    assert_eq!(turns.leave(&acme), [], "it has 6, and may have 5");
    assert!(turns.enter(&globex));
}

#[test]
fn a_share_leaves_a_connection() {
    for max in 1..40 {
        for per_tenant in 0..50 {
            let limits = ShareLimits::new(max, per_tenant);
            assert!((1..=(max - 1).max(1)).contains(&limits.per_tenant), "{limits:?}");
        }
    }
}

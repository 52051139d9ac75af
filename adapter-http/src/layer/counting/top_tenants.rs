//! Which tenants are the busiest, in bounded memory.

use std::collections::{HashMap, HashSet};

use tenancy_core::names::TenantId;

/// How many tenants have a label at a time.
const LABELS: usize = 100;
/// How many tenants ever get one in a process: a recorder of metrics keeps each series that it has seen.
const LABELS_EVER: usize = 1_000;
/// How many tenants are counted at a time. Beyond it all counts are halved, and those of nothing are removed.
const COUNTED: usize = 2_000;

/// The busiest tenants, by their counts. The first tenants have a label at once; later ones take that of the least busy once they
/// have been counted twice as often, so that no label changes hands to and fro.
#[derive(Default)]
pub(super) struct TopTenants {
    counts: HashMap<TenantId, u64>,
    labelled: HashSet<TenantId>,
    /// How many have been given.
    labels: usize,
    /// No tenant with a label has been counted less often than this.
    least: u64,
}

impl TopTenants {
    /// Counts a request of a tenant, and returns whether the tenant has a label.
    pub(super) fn count(&mut self, tenant: &TenantId) -> bool {
        let count = self.increment(tenant);
        if self.labelled.contains(tenant) {
            return true;
        }
        if self.labels >= LABELS_EVER {
            return false;
        }
        if self.labelled.len() >= LABELS && !self.make_room(count) {
            return false;
        }
        self.labels += 1;
        self.labelled.insert(tenant.clone());
        self.least = self.least.min(count);
        true
    }

    fn increment(&mut self, tenant: &TenantId) -> u64 {
        if let Some(count) = self.counts.get_mut(tenant) {
            *count = count.saturating_add(1);
            return *count;
        }
        while self.counts.len() >= COUNTED {
            self.halve();
        }
        self.counts.insert(tenant.clone(), 1);
        1
    }

    /// Those that were counted once are forgotten, and have no label any more.
    fn halve(&mut self) {
        self.counts.retain(|_, count| {
            *count /= 2;
            *count > 0
        });
        self.least /= 2;
        let Self { counts, labelled, .. } = self;
        labelled.retain(|tenant| counts.contains_key(tenant));
    }

    /// Takes the label of the least busy, if that is half as busy or less. Counts only grow otherwise, so that most callers see that
    /// without a search.
    fn make_room(&mut self, count: u64) -> bool {
        if count <= self.least.saturating_mul(2) {
            return false;
        }
        let counts = &self.counts;
        let of = |tenant: &TenantId| counts.get(tenant).copied().unwrap_or(0);
        let least = self.labelled.iter().min_by_key(|tenant| of(tenant)).cloned();
        let Some(least) = least else { return true };
        self.least = of(&least);
        count > self.least.saturating_mul(2) && self.labelled.remove(&least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> TenantId {
        format!("t{number}").parse().unwrap()
    }

    #[test]
    fn the_busiest_have_labels_whenever_they_come() {
        let mut top = TopTenants::default();
        for tenant in 0..500 {
            assert_eq!(top.count(&id(tenant)), tenant < LABELS);
        }
        // A hundred that came late are the busiest in the end.
        for _ in 0..50 {
            for tenant in 400..500 {
                top.count(&id(tenant));
            }
        }
        assert!((400..500).all(|tenant| top.count(&id(tenant))));
        assert!((0..100).all(|tenant| !top.count(&id(tenant))));
        assert_eq!(top.labelled.len(), LABELS);
    }

    #[test]
    fn a_label_does_not_go_to_and_fro() {
        let mut top = TopTenants::default();
        for _ in 0..1000 {
            for tenant in 0..200 {
                top.count(&id(tenant));
            }
        }
        assert!(top.labels <= 2 * LABELS, "{}", top.labels);
        assert!(top.count(&id(0)) && !top.count(&id(199)));
    }

    /// However many tenants come, and in whatever order.
    #[test]
    fn memory_and_labels_are_bounded() {
        let mut top = TopTenants::default();
        let mut named = HashSet::new();
        for round in 0..40 {
            for tenant in 0..1500 {
                let tenant = id(round * 1000 + tenant);
                // Each round is busier than the last.
                for _ in 0..=round {
                    if top.count(&tenant) {
                        named.insert(tenant.clone());
                    }
                }
                assert!(top.counts.len() <= COUNTED && top.labelled.len() <= LABELS);
            }
        }
        assert!(named.len() <= LABELS_EVER, "{}", named.len());
    }
}

//! What a store looks at: keys that only their hash has in common, and how many keys a change touches.

use std::convert::Infallible;
use std::hash::Hasher;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::group::{Group, Groups};

/// A name, of which every tenth is one tenant's. Names of one tenant may share a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    number: u32,
    is_of_one_hash: bool,
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if !self.is_of_one_hash {
            self.number.hash(state);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Value(Name);

const fn tenant_of(name: Name) -> u32 {
    name.number / 10
}

impl Unshare for Value {
    fn unshare(&self) -> Self {
        *self
    }
}

impl Matches<Value> for Name {
    fn matches(&self, value: &Value) -> bool {
        value.0 == *self
    }
}

impl Grouped for Name {
    fn groups(&self, _: &RandomState) -> Groups {
        Groups::default()
    }
}

impl Grouped for Value {
    fn groups(&self, hasher: &RandomState) -> Groups {
        Groups::one(Group::new(hasher, tenant_of(self.0)))
    }
}

/// A tenant, and the names that are known of it.
struct Forgotten(u32, Vec<Name>);

impl Scope<Name, Value> for Forgotten {
    fn group(&self, hasher: &RandomState) -> Option<Group> {
        Some(Group::new(hasher, self.0))
    }

    fn names(&self) -> impl Iterator<Item = Name> {
        self.1.iter().copied()
    }

    fn covers_all_misses(&self) -> bool {
        self.1.is_empty()
    }

    fn covers_value(&self, value: &Value) -> bool {
        tenant_of(value.0) == self.0
    }

    fn may_cover(&self, key: &Name) -> bool {
        self.1.contains(key)
    }

    fn covers(&self, key: &Name, value: Option<&Value>) -> bool {
        self.1.contains(key) || value.is_some_and(|value| <Self as Scope<Name, Value>>::covers_value(self, value))
    }
}

type Names = Store<Name, Value, Forgotten, Infallible>;

const fn name(number: u32) -> Name {
    Name {
        number,
        is_of_one_hash: false,
    }
}

/// Every number that ends in 9 is unknown.
fn query(store: &Names, name: Name) {
    let value = (name.number % 10 != 9).then_some(Value(name));
    let answer = pin!(store.get_or_query(&name, async || Ok(value), |_| true));
    let polled = answer.poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(found)) if found == value));
}

#[test]
fn keys_of_one_hash_are_told_apart() {
    let store = Names::new(CacheLimits::new());
    let [one, other] = [1, 2].map(|number| Name {
        number,
        is_of_one_hash: true,
    });
    for (queried, never) in [(one, other), (other, one)] {
        query(&store, queried);
        for _ in 0..100 {
            assert_eq!(store.cached(&queried), Some(Some(Value(queried))));
            assert_eq!(store.cached(&never), None, "it is evicted, not confused");
        }
    }
    let [known, unknown] = [8, 9].map(|number| Name {
        number,
        is_of_one_hash: true,
    });
    query(&store, unknown);
    assert_eq!(store.cached(&unknown), Some(None));
    assert_eq!(store.cached(&known), None, "a miss is one key's");
}

/// A change costs the keys of its tenant, whatever the cache holds.
#[test]
fn a_change_touches_the_keys_of_its_tenant() {
    const TENANTS: u32 = 10_000;
    let store = Names::new(
        CacheLimits::new()
            .with_capacity(1_000_000)
            .with_miss_capacity(1_000_000),
    );
    for number in (0..TENANTS).flat_map(|tenant| [0, 1, 2, 9].map(|of| 10 * tenant + of)) {
        query(&store, name(number));
    }
    assert_eq!(store.tables.len(), 4 * TENANTS as usize);
    let names = vec![name(50), name(51), name(59)];
    assert_eq!(
        store.forget(Forgotten(5, names)),
        4,
        "three that are cached, and one unknown name"
    );
    for of in 0..10 {
        assert_eq!(store.cached(&name(50 + of)), None);
    }
    assert_eq!(store.tables.len(), 4 * TENANTS as usize - 4);
    assert_eq!(store.forget(Forgotten(7, Vec::new())), 3, "its names are not known");
    for of in [0, 1, 2] {
        assert_eq!(store.cached(&name(70 + of)), None);
    }
    assert_eq!(
        store.forget(Forgotten(TENANTS, vec![name(10 * TENANTS)])),
        1,
        "nothing of it is cached"
    );
    // All others are as they were, their misses too as far as the names were known.
    for tenant in (0..TENANTS).filter(|tenant| ![5, 7].contains(tenant)) {
        assert!(store.cached(&name(10 * tenant)).is_some(), "{tenant}");
    }
    assert_eq!(
        store.cached(&name(19)),
        None,
        "a miss, and any name may be the tenant's that changed"
    );
    query(&store, name(19));
    store.forget(Forgotten(5, vec![name(50)]));
    assert_eq!(store.cached(&name(19)), Some(None));
}

/// What is evicted leaves the index, so that it is bounded with the cache.
#[test]
fn the_index_holds_what_is_cached() {
    let store = Names::new(CacheLimits::new().with_capacity(100).with_miss_capacity(10));
    for number in (0..20_000).chain(0..200) {
        query(&store, name(number));
    }
    let held = store.tables.len();
    assert!(held <= 128, "{held}");
    let hits = (0..20_000)
        .filter(|number| matches!(store.cached(&name(*number)), Some(Some(_))))
        .count();
    assert_eq!(store.state().index.len(), hits);
    for tenant in 0..2_000 {
        store.forget(Forgotten(tenant, vec![name(10 * tenant + 9)]));
    }
    assert_eq!(store.state().index.len(), 0);
    assert_eq!(store.tables.len(), 0);
}

/// The copies of other tenants in the caches of threads survive a change, one in a thousand apart, which shares a stripe.
#[test]
fn a_change_spares_the_copies_of_others() {
    let store = Names::new(CacheLimits::new());
    let others: Vec<_> = (0..100).map(|tenant| name(10 * tenant)).collect();
    let is_copied = |name: &&Name| {
        let hash = store.hash(*name);
        let found = store
            .thread_local
            .find(hash, &store.generations, |_| true, Hit::unshare);
        found.is_some()
    };
    for name in &others {
        query(&store, *name);
        (0..3).for_each(|_| assert!(store.cached(name).is_some()));
    }
    let before = others.iter().filter(is_copied).count();
    assert!(before > 50, "they do not all have a slot of their own: {before}");
    store.forget(Forgotten(0, vec![name(0)]));
    assert!(!is_copied(&&name(0)));
    let after = others.iter().filter(is_copied).count();
    assert!(after + 20 > before && after <= before, "{before}, then {after}");
}

/// What a thread has a copy of may have been evicted since from what all threads share, and so be in no index.
#[test]
fn a_copy_of_what_was_evicted_is_forgotten() {
    let store = Names::new(CacheLimits::new());
    let copied = name(1);
    query(&store, copied);
    (0..3).for_each(|_| assert!(store.cached(&copied).is_some()));
    let hash = store.hash(&copied);
    assert!(store.tables.remove_hit(hash, |_| true).is_some());
    let groups = Value(copied).groups(&store.hasher);
    store.state().index.remove(&groups, hash);
    assert_eq!(
        store.cached(&copied),
        Some(Some(Value(copied))),
        "the thread's own copy"
    );
    assert_eq!(
        store.forget(Forgotten(0, vec![name(5)])),
        1,
        "it is not found by the index"
    );
    assert_eq!(store.cached(&copied), None);
}

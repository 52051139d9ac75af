//! A small cache for each thread, in front of the one that all threads share. A thread that finds a value here takes no
//! lock, and writes to no memory that other threads read.

use std::cell::{RefCell, RefMut};

use thread_local::ThreadLocal;

use crate::generations::{Generations, Stripes};
use crate::group::KeyHash;

/// How many slots a thread has. A power of two.
const SLOTS: usize = 256;

/// After how many hits a thread makes its own copy of a value. A copy does not pay for a value that is found now and
/// then.
const PROMOTE_AFTER: u8 = 16;

/// Up to [`SLOTS`] values for each thread, each in the one slot that its hash selects.
///
/// Nothing is removed from here when the shared cache forgets it. Instead each value carries the generation in which it
/// was looked up, and is found only while that is the current one of all parts to which it belongs.
pub(crate) struct ThreadLocalCache<T: Send> {
    threads: ThreadLocal<Slots<T>>,
}

/// One thread's slots. Aligned, so that no two threads write to one line of the processor's cache.
#[repr(align(128))]
struct Slots<T>(RefCell<Vec<Slot<T>>>);

struct Slot<T> {
    /// The value that was offered last, by its hash. It is stored if it is offered once more before any other: among
    /// thousands of values that come at random, each would only evict another, and both would have to be touched.
    offered: Option<KeyHash>,
    stored: Option<Stored<T>>,
}

struct Stored<T> {
    hash: KeyHash,
    generation: u64,
    stripes: Stripes,
    value: T,
    /// How often it was found. Halved whenever another value claims the slot.
    uses: u8,
    /// Whether the value is this thread's own copy.
    is_unshared: bool,
}

impl<T: Send> ThreadLocalCache<T> {
    pub(crate) fn new() -> Self {
        Self {
            threads: ThreadLocal::new(),
        }
    }

    /// The value of a hash that is not out of date, if `is_match` says that it is the key's: different keys may have one
    /// hash. A value that is found often is replaced by this thread's own copy, which `unshare` makes.
    ///
    /// While the returned reference is alive, this thread finds nothing else here, and stores nothing.
    pub(crate) fn find(
        &self,
        hash: KeyHash,
        generations: &Generations,
        is_match: impl FnOnce(&T) -> bool,
        unshare: impl FnOnce(&T) -> T,
    ) -> Option<RefMut<'_, T>> {
        let slots = self.threads.get()?.0.try_borrow_mut().ok()?;
        let mut stored = RefMut::filter_map(slots, |slots| slots.get_mut(slot_of(hash))?.stored.as_mut()).ok()?;
        let is_current = stored.hash == hash && generations.is_current(stored.generation, stored.stripes);
        if !is_current || !is_match(&stored.value) {
            return None;
        }
        stored.uses = stored.uses.saturating_add(1);
        if stored.uses >= PROMOTE_AFTER && !stored.is_unshared {
            stored.value = unshare(&stored.value);
            stored.is_unshared = true;
        }
        Some(RefMut::map(stored, |stored| &mut stored.value))
    }

    /// Offers a value that was read from the shared cache in this generation. It is stored if it was offered before, unless
    /// its slot holds another value that is in use.
    pub(crate) fn offer(
        &self,
        hash: KeyHash,
        generation: u64,
        generations: &Generations,
        value: impl FnOnce() -> (T, Stripes),
    ) {
        let slots = self.threads.get_or(|| Slots(RefCell::new(Vec::new())));
        let Ok(mut slots) = slots.0.try_borrow_mut() else {
            return;
        };
        if slots.is_empty() {
            let empty = || Slot {
                offered: None,
                stored: None,
            };
            slots.resize_with(SLOTS, empty);
        }
        let Some(slot) = slots.get_mut(slot_of(hash)) else {
            return;
        };
        if slot.offered != Some(hash) {
            slot.offered = Some(hash);
            return;
        }
        if let Some(other) = &mut slot.stored
            && other.hash != hash
            && other.uses > 0
            && generations.is_current(other.generation, other.stripes)
        {
            other.uses /= 2;
            return;
        }
        let (value, stripes) = value();
        let stored = Stored {
            hash,
            generation,
            stripes,
            value,
            uses: 0,
            is_unshared: false,
        };
        let replaced = slot.stored.replace(stored);
        drop(slots);
        // The value's own code may look something up.
        drop(replaced);
    }
}

fn slot_of(hash: KeyHash) -> usize {
    (hash.0 % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::group::{Group, Groups};

    /// What the tests look up: everything of one group.
    struct Fixture {
        cache: ThreadLocalCache<Arc<u64>>,
        generations: Generations,
    }

    const GROUP: Group = Group(7 << 32);
    const OTHER_GROUP: Group = Group(8 << 32);

    impl Fixture {
        fn new() -> Self {
            Self {
                cache: ThreadLocalCache::new(),
                generations: Generations::new(),
            }
        }

        fn find(&self, hash: u64) -> Option<Arc<u64>> {
            let unshare = |value: &Arc<u64>| Arc::new(**value);
            let found = self.cache.find(KeyHash(hash), &self.generations, |_| true, unshare);
            found.map(|value| Arc::clone(&value))
        }

        fn offer(&self, hash: u64, group: Group, value: Arc<u64>) {
            let (hash, generation) = (KeyHash(hash), self.generations.current());
            let stripes = Stripes::new(hash, &Groups::one(group));
            self.cache
                .offer(hash, generation, &self.generations, || (value, stripes));
        }

        fn insert(&self, hash: u64, value: u64) -> Arc<u64> {
            let value = Arc::new(value);
            (0..2).for_each(|_| self.offer(hash, GROUP, Arc::clone(&value)));
            value
        }
    }

    #[test]
    fn a_value_is_found_by_its_thread_until_it_is_forgotten() {
        let fixture = Fixture::new();
        assert_eq!(fixture.find(1), None);
        fixture.insert(1, 7);
        assert_eq!(fixture.find(1).as_deref(), Some(&7));
        assert_eq!(fixture.find(1 + SLOTS as u64), None);
        let Fixture { cache, generations } = &fixture;
        assert!(cache.find(KeyHash(1), generations, |_| false, Arc::clone).is_none());
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(fixture.find(1), None));
        });
        generations.forget(1, OTHER_GROUP, []);
        assert_eq!(fixture.find(1).as_deref(), Some(&7), "of another group");
        for (number, forget) in [
            (
                2,
                (|generations: &Generations, number| generations.forget(number, GROUP, [])) as fn(&Generations, u64),
            ),
            (3, |generations, number| {
                generations.forget(number, OTHER_GROUP, [KeyHash(1)])
            }),
            (4, Generations::forget_all),
        ] {
            forget(generations, number);
            assert_eq!(fixture.find(1), None, "{number}");
            fixture.insert(1, 7);
            assert_eq!(fixture.find(1).as_deref(), Some(&7), "{number}");
        }
    }

    /// Of thousands that come at random, each would evict another.
    #[test]
    fn what_is_offered_once_is_not_stored() {
        let fixture = Fixture::new();
        let other = 1 + SLOTS as u64;
        for hash in [1, other, 1, other] {
            fixture.offer(hash, GROUP, Arc::new(hash));
            assert_eq!(fixture.find(hash), None);
        }
        fixture.offer(other, GROUP, Arc::new(other));
        assert_eq!(fixture.find(other).as_deref(), Some(&other));
    }

    /// Without a copy of its own, every thread would write to one reference count.
    #[test]
    fn what_is_found_often_is_copied_once() {
        let fixture = Fixture::new();
        let value = fixture.insert(1, 7);
        for times in 1..=u8::MAX {
            let found = fixture.find(1).unwrap();
            assert_eq!(Arc::ptr_eq(&found, &value), times < PROMOTE_AFTER, "{times}");
        }
        let own = fixture.find(1).unwrap();
        assert!(Arc::ptr_eq(&own, &fixture.find(1).unwrap()));
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn a_value_in_use_keeps_its_slot_and_one_that_is_out_of_date_does_not() {
        let (fixture, other) = (Fixture::new(), 1 + SLOTS as u64);
        fixture.insert(1, 7);
        (0..3).for_each(|_| drop(fixture.find(1)));
        fixture.insert(other, 8);
        assert_eq!(fixture.find(other), None, "one claim");
        fixture.offer(other, GROUP, Arc::new(8));
        assert_eq!(fixture.find(other), None, "two claims");
        fixture.offer(other, GROUP, Arc::new(8));
        assert_eq!(fixture.find(other).as_deref(), Some(&8));

        (0..3).for_each(|_| drop(fixture.find(other)));
        fixture.generations.forget(1, GROUP, []);
        fixture.insert(1, 9);
        assert_eq!(fixture.find(1).as_deref(), Some(&9));
        fixture.insert(1, 10);
        assert_eq!(fixture.find(1).as_deref(), Some(&10));
    }

    /// The value's own code may look something up while the value is borrowed.
    #[test]
    fn a_look_up_during_a_borrow_finds_nothing() {
        let fixture = Fixture::new();
        fixture.insert(1, 7);
        let Fixture { cache, generations } = &fixture;
        let held = cache.find(KeyHash(1), generations, |_| true, Arc::clone);
        assert!(held.is_some());
        assert_eq!(fixture.find(1), None);
        fixture.offer(1, GROUP, Arc::new(8));
        drop(held);
        assert_eq!(fixture.find(1).as_deref(), Some(&7));
    }
}

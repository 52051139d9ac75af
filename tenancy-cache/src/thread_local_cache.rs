//! A small cache for each thread, in front of the one that all threads share. A thread that finds a value here takes no
//! lock, and writes to no memory that other threads read.

use std::cell::{RefCell, RefMut};
use std::hash::{BuildHasher, Hash};

use foldhash::quality::RandomState;
use thread_local::ThreadLocal;

/// How many slots a thread has. A power of two.
const SLOTS: usize = 256;

/// After how many hits a thread makes its own copy of a value. A copy does not pay for a value that is found now and
/// then.
const PROMOTE_AFTER: u8 = 16;

/// Up to [`SLOTS`] values for each thread, each in the one slot that its hash selects.
///
/// Nothing is removed from here when the shared cache forgets it. Instead each value carries the generation in which it
/// was looked up, and is found only while that is the current one.
pub(crate) struct ThreadLocalCache<T: Send> {
    threads: ThreadLocal<Slots<T>>,
    hasher: RandomState,
}

/// One thread's slots. Aligned, so that no two threads write to one line of the processor's cache.
#[repr(align(128))]
struct Slots<T>(RefCell<Vec<Option<Slot<T>>>>);

struct Slot<T> {
    hash: u64,
    generation: u64,
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
            hasher: RandomState::default(),
        }
    }

    pub(crate) fn hash(&self, key: &(impl Hash + ?Sized)) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The value that was stored in this generation, if `is_match` says that it is the key's: different keys may have one
    /// hash. A value that is found often is replaced by this thread's own copy, which `unshare` makes.
    ///
    /// While the returned reference is alive, this thread finds nothing else here, and stores nothing.
    pub(crate) fn find(
        &self,
        hash: u64,
        generation: u64,
        is_match: impl FnOnce(&T) -> bool,
        unshare: impl FnOnce(&T) -> T,
    ) -> Option<RefMut<'_, T>> {
        let slots = self.threads.get()?.0.try_borrow_mut().ok()?;
        let mut slot = RefMut::filter_map(slots, |slots| slots.get_mut(slot_of(hash))?.as_mut()).ok()?;
        if slot.hash != hash || slot.generation != generation || !is_match(&slot.value) {
            return None;
        }
        slot.uses = slot.uses.saturating_add(1);
        if slot.uses >= PROMOTE_AFTER && !slot.is_unshared {
            slot.value = unshare(&slot.value);
            slot.is_unshared = true;
        }
        Some(RefMut::map(slot, |slot| &mut slot.value))
    }

    /// Stores a value that was looked up in this generation, unless its slot holds another value that is in use.
    pub(crate) fn insert(&self, hash: u64, generation: u64, value: T) {
        let slots = self.threads.get_or(|| Slots(RefCell::new(Vec::new())));
        let Ok(mut slots) = slots.0.try_borrow_mut() else {
            return;
        };
        if slots.is_empty() {
            slots.resize_with(SLOTS, || None);
        }
        let Some(slot) = slots.get_mut(slot_of(hash)) else {
            return;
        };
        if let Some(other) = slot
            && other.hash != hash
            && other.generation == generation
            && other.uses > 0
        {
            other.uses /= 2;
            return;
        }
        *slot = Some(Slot {
            hash,
            generation,
            value,
            uses: 0,
            is_unshared: false,
        });
    }
}

fn slot_of(hash: u64) -> usize {
    (hash % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn find(cache: &ThreadLocalCache<Arc<u64>>, hash: u64, generation: u64) -> Option<Arc<u64>> {
        let found = cache.find(hash, generation, |_| true, |value| Arc::new(**value));
        found.map(|value| Arc::clone(&value))
    }

    #[test]
    fn a_value_is_found_by_its_thread_in_its_generation() {
        let cache = ThreadLocalCache::new();
        assert_eq!(find(&cache, 1, 0), None);
        cache.insert(1, 0, Arc::new(7));
        assert_eq!(find(&cache, 1, 0).as_deref(), Some(&7));
        assert_eq!(find(&cache, 1, 1), None);
        assert_eq!(find(&cache, 1 + SLOTS as u64, 0), None);
        assert!(cache.find(1, 0, |_| false, Arc::clone).is_none());
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(find(&cache, 1, 0), None));
        });
    }

    /// Without a copy of its own, every thread would write to one reference count.
    #[test]
    fn what_is_found_often_is_copied_once() {
        let cache = ThreadLocalCache::new();
        let value = Arc::new(7);
        cache.insert(1, 0, Arc::clone(&value));
        for times in 1..=u8::MAX {
            let found = find(&cache, 1, 0).unwrap();
            assert_eq!(Arc::ptr_eq(&found, &value), times < PROMOTE_AFTER, "{times}");
        }
        let own = find(&cache, 1, 0).unwrap();
        assert!(Arc::ptr_eq(&own, &find(&cache, 1, 0).unwrap()));
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn a_value_in_use_keeps_its_slot_and_one_of_an_older_generation_does_not() {
        let (cache, other) = (ThreadLocalCache::new(), 1 + SLOTS as u64);
        cache.insert(1, 0, Arc::new(7));
        (0..3).for_each(|_| drop(find(&cache, 1, 0)));
        for rivals in [2, 1] {
            cache.insert(other, 0, Arc::new(8));
            assert_eq!(find(&cache, other, 0), None, "{rivals}");
        }
        cache.insert(other, 0, Arc::new(8));
        assert_eq!(find(&cache, other, 0).as_deref(), Some(&8));
        cache.insert(1, 1, Arc::new(9));
        assert_eq!(find(&cache, 1, 1).as_deref(), Some(&9));
        cache.insert(1, 1, Arc::new(10));
        assert_eq!(find(&cache, 1, 1).as_deref(), Some(&10));
    }

    /// The value's own code may look something up while the value is borrowed.
    #[test]
    fn a_look_up_during_a_borrow_finds_nothing() {
        let cache = ThreadLocalCache::new();
        cache.insert(1, 0, Arc::new(7));
        let held = cache.find(1, 0, |_| true, Arc::clone);
        assert!(held.is_some());
        assert_eq!(find(&cache, 1, 0), None);
        cache.insert(1, 0, Arc::new(8));
        drop(held);
        assert_eq!(find(&cache, 1, 0).as_deref(), Some(&7));
    }
}

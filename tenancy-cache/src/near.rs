//! What a thread has found lately, kept where only this thread comes: whoever finds it there takes no lock and
//! writes to nothing that other threads read.

use std::cell::{RefCell, RefMut};
use std::hash::{BuildHasher, Hash};

use foldhash::quality::RandomState;
use thread_local::ThreadLocal;

/// How many places a thread has. A power of two.
const PLACES: usize = 256;

/// After how many times a thread makes a copy of its own: of what is found now and then a copy is not worth while.
const OFTEN: u8 = 16;

/// A few values for each thread, each in the one place that its hash says.
///
/// Nothing is forgotten here. A value is found as long as the generation is the one in which it was put.
pub(crate) struct Near<T: Send> {
    threads: ThreadLocal<Places<T>>,
    hasher: RandomState,
}

/// Aligned, so that no two threads write to one line of the processor's cache.
#[repr(align(128))]
struct Places<T>(RefCell<Vec<Option<Place<T>>>>);

struct Place<T> {
    hash: u64,
    generation: u64,
    kept: T,
    /// Halved when another value would have the place.
    uses: u8,
    is_own: bool,
}

impl<T: Send> Near<T> {
    pub(crate) fn new() -> Self {
        Self {
            threads: ThreadLocal::new(),
            hasher: RandomState::default(),
        }
    }

    pub(crate) fn hash(&self, key: &(impl Hash + ?Sized)) -> u64 {
        self.hasher.hash_one(key)
    }

    /// A value that was put in this generation. What is found often is replaced by a copy of this thread's `own`.
    ///
    /// As long as the answer is held, this thread finds nothing else here, and puts nothing.
    pub(crate) fn find(
        &self,
        hash: u64,
        generation: u64,
        is_it: impl FnOnce(&T) -> bool,
        own: impl FnOnce(&T) -> T,
    ) -> Option<RefMut<'_, T>> {
        let places = self.threads.get()?.0.try_borrow_mut().ok()?;
        let mut place = RefMut::filter_map(places, |places| places.get_mut(place_of(hash))?.as_mut()).ok()?;
        if place.hash != hash || place.generation != generation || !is_it(&place.kept) {
            return None;
        }
        place.uses = place.uses.saturating_add(1);
        if place.uses >= OFTEN && !place.is_own {
            place.kept = own(&place.kept);
            place.is_own = true;
        }
        Some(RefMut::map(place, |place| &mut place.kept))
    }

    /// Puts a value that was asked for in this generation, unless its place is that of another which is in use.
    pub(crate) fn put(&self, hash: u64, generation: u64, value: T) {
        let places = self.threads.get_or(|| Places(RefCell::new(Vec::new())));
        let Ok(mut places) = places.0.try_borrow_mut() else {
            return;
        };
        if places.is_empty() {
            places.resize_with(PLACES, || None);
        }
        let Some(place) = places.get_mut(place_of(hash)) else {
            return;
        };
        if let Some(other) = place
            && other.hash != hash
            && other.generation == generation
            && other.uses > 0
        {
            other.uses /= 2;
            return;
        }
        *place = Some(Place {
            hash,
            generation,
            kept: value,
            uses: 0,
            is_own: false,
        });
    }
}

fn place_of(hash: u64) -> usize {
    (hash % PLACES as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn find(near: &Near<Arc<u64>>, hash: u64, generation: u64) -> Option<Arc<u64>> {
        let found = near.find(hash, generation, |_| true, |value| Arc::new(**value));
        found.map(|value| Arc::clone(&value))
    }

    #[test]
    fn a_value_is_found_by_its_thread_in_its_generation() {
        let near = Near::new();
        assert_eq!(find(&near, 1, 0), None);
        near.put(1, 0, Arc::new(7));
        assert_eq!(find(&near, 1, 0).as_deref(), Some(&7));
        assert_eq!(find(&near, 1, 1), None);
        assert_eq!(find(&near, 1 + PLACES as u64, 0), None);
        assert!(near.find(1, 0, |_| false, Arc::clone).is_none());
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(find(&near, 1, 0), None));
        });
    }

    /// Else every thread would count in one place how often it hands the value on.
    #[test]
    fn what_is_found_often_is_copied_once() {
        let near = Near::new();
        let value = Arc::new(7);
        near.put(1, 0, Arc::clone(&value));
        for times in 1..=u8::MAX {
            let found = find(&near, 1, 0).unwrap();
            assert_eq!(Arc::ptr_eq(&found, &value), times < OFTEN, "{times}");
        }
        let own = find(&near, 1, 0).unwrap();
        assert!(Arc::ptr_eq(&own, &find(&near, 1, 0).unwrap()));
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn a_value_in_use_keeps_its_place_and_one_of_before_does_not() {
        let (near, other) = (Near::new(), 1 + PLACES as u64);
        near.put(1, 0, Arc::new(7));
        (0..3).for_each(|_| drop(find(&near, 1, 0)));
        for rivals in [2, 1] {
            near.put(other, 0, Arc::new(8));
            assert_eq!(find(&near, other, 0), None, "{rivals}");
        }
        near.put(other, 0, Arc::new(8));
        assert_eq!(find(&near, other, 0).as_deref(), Some(&8));
        near.put(1, 1, Arc::new(9));
        assert_eq!(find(&near, 1, 1).as_deref(), Some(&9));
        near.put(1, 1, Arc::new(10));
        assert_eq!(find(&near, 1, 1).as_deref(), Some(&10));
    }

    /// A value's own code may ask again while it is looked at.
    #[test]
    fn who_asks_while_a_value_is_held_is_sent_away() {
        let near = Near::new();
        near.put(1, 0, Arc::new(7));
        let held = near.find(1, 0, |_| true, Arc::clone);
        assert!(held.is_some());
        assert_eq!(find(&near, 1, 0), None);
        near.put(1, 0, Arc::new(8));
        drop(held);
        assert_eq!(find(&near, 1, 0).as_deref(), Some(&7));
    }
}

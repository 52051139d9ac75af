//! Which copies of answers are out of date, without a look at each.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::group::{Group, Groups, KeyHash};

/// How many parts of the cache go out of date apart. A power of two.
const STRIPES: usize = 1024;

/// When each part of a cache was last forgotten: the number of that invalidation, for each of [`STRIPES`] parts.
///
/// A copy that was taken from the cache before an invalidation of one of its parts is ignored. Copies of other parts stay:
/// one tenant in about a thousand shares a stripe with the one that was forgotten.
pub(crate) struct Generations {
    latest: AtomicU64,
    stripes: Box<[AtomicU64]>,
}

/// The parts to which an answer belongs: that of its key, and those of its groups.
#[derive(Clone, Copy)]
pub(crate) struct Stripes([u16; 1 + Groups::MOST]);

impl Stripes {
    pub(crate) fn new(key: KeyHash, groups: &Groups) -> Self {
        let mut stripes = [stripe_of(key.0); 1 + Groups::MOST];
        for (stripe, group) in stripes.iter_mut().skip(1).zip(groups.iter()) {
            *stripe = stripe_of(group.0);
        }
        Self(stripes)
    }
}

impl Generations {
    pub(crate) fn new() -> Self {
        Self {
            latest: AtomicU64::new(0),
            stripes: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The generation of a copy that is taken from now on. Load it *before* the answer is read.
    pub(crate) fn current(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    /// Whether no part of a copy that was taken in this generation has been forgotten since.
    #[inline]
    pub(crate) fn is_current(&self, generation: u64, stripes: Stripes) -> bool {
        stripes.0.iter().all(|stripe| {
            let forgotten = self.stripes.get(usize::from(*stripe));
            forgotten.is_some_and(|forgotten| forgotten.load(Ordering::Acquire) <= generation)
        })
    }

    /// Copies of the group and of these keys that were taken before this invalidation are out of date from now on.
    ///
    /// Call it once the cache holds none of these answers, and from one thread at a time. A thread that has loaded an older
    /// generation may have read one of them before; a thread that loads this one cannot.
    pub(crate) fn forget(&self, number: u64, group: Group, keys: impl IntoIterator<Item = KeyHash>) {
        let hashes = std::iter::once(group.0).chain(keys.into_iter().map(|key| key.0));
        for stripe in hashes.filter_map(|hash| self.stripes.get(usize::from(stripe_of(hash)))) {
            stripe.store(number, Ordering::Release);
        }
        self.latest.store(number, Ordering::Release);
    }

    /// As [`forget`](Self::forget), of all copies.
    pub(crate) fn forget_all(&self, number: u64) {
        for stripe in &self.stripes {
            stripe.store(number, Ordering::Release);
        }
        self.latest.store(number, Ordering::Release);
    }
}

/// By other bits than those that select a thread's slot.
const fn stripe_of(hash: u64) -> u16 {
    ((hash >> 32) % STRIPES as u64) as u16
}

//! What a cache asks of its keys, of its values, and of what is forgotten.

use std::sync::Arc;

use foldhash::quality::RandomState;

use crate::group::Group;

/// A value of which a thread can have a copy of its own.
pub(crate) trait Unshare {
    /// A copy that shares no reference count with the original, so that threads do not contend for one.
    fn unshare(&self) -> Self;
}

/// A key by which a value is looked up. The cache holds no key beside a value: the value says what it is the answer to.
pub(crate) trait Matches<V> {
    /// Whether the value is the answer to this key.
    fn matches(&self, value: &V) -> bool;
}

/// What an invalidation forgets.
pub(crate) trait Scope<K, V>: Send {
    /// The group of the answers that are forgotten, those of [`names`](Self::names) apart; `None` for everything.
    fn group(&self, hasher: &RandomState) -> Option<Group>;
    /// Keys that are forgotten, whosever they are.
    fn names(&self) -> impl Iterator<Item = K>;
    /// Whether any miss may be a name of what has changed, beside those of the group and of `names`.
    fn covers_all_misses(&self) -> bool;
    /// Whether an answer of the group is forgotten.
    fn covers_value(&self, value: &V) -> bool;
    /// Whether an answer to this key may be forgotten, whatever it is.
    fn may_cover(&self, key: &K) -> bool;
    /// Whether this answer to this key is forgotten.
    fn covers(&self, key: &K, value: Option<&V>) -> bool;
}

/// An answer: a value, or the knowledge that there is none.
pub(crate) type Answer<V, E> = Result<Option<V>, Arc<E>>;

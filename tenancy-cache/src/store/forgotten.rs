//! What has been forgotten lately, for queries that began before.

use std::collections::VecDeque;

/// How many invalidations are remembered. A query under which more have happened is answered, but not cached.
const REMEMBERED: usize = 1024;

/// The invalidations since the oldest query under way began, each with its number. An answer that comes after one of them
/// may have been read before it.
pub(super) struct Forgotten<S> {
    latest: u64,
    /// In the order of their numbers, without a gap: the last is `latest`, unless there is none.
    scopes: VecDeque<S>,
}

impl<S> Forgotten<S> {
    pub(super) const fn new() -> Self {
        Self {
            latest: 0,
            scopes: VecDeque::new(),
        }
    }

    /// The number of the latest invalidation.
    pub(super) const fn latest(&self) -> u64 {
        self.latest
    }

    /// Records an invalidation, and returns its number.
    pub(super) fn record(&mut self, scope: S) -> u64 {
        if self.scopes.len() == REMEMBERED {
            self.scopes.pop_front();
        }
        self.scopes.push_back(scope);
        self.latest += 1;
        self.latest
    }

    /// No query is under way that began before one of these.
    pub(super) fn clear(&mut self) {
        self.scopes.clear();
    }

    /// The number of the first invalidation after `began` that covers an answer. One that is no longer remembered covers
    /// every answer.
    pub(super) fn first_since(&self, began: u64, covers: impl Fn(&S) -> bool) -> Option<u64> {
        let since = self.latest.saturating_sub(began);
        let remembered = self.scopes.len() as u64;
        let Some(skipped) = remembered.checked_sub(since) else {
            return Some(began + 1);
        };
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let later = (began + 1..).zip(self.scopes.iter().skip(skipped));
        later
            .filter(|(_, scope)| covers(scope))
            .map(|(number, _)| number)
            .next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_covers_an_answer_since_its_query_began() {
        let mut forgotten = Forgotten::new();
        assert_eq!(forgotten.first_since(0, |_| true), None);
        for (number, scope) in ["acme", "globex", "acme"].into_iter().enumerate() {
            assert_eq!(forgotten.record(scope), number as u64 + 1);
        }
        for (began, name, expected) in [
            (0, "acme", Some(1)),
            (1, "acme", Some(3)),
            (3, "acme", None),
            (0, "globex", Some(2)),
            (2, "globex", None),
            (0, "initech", None),
        ] {
            let found = forgotten.first_since(began, |scope| *scope == name);
            assert_eq!(found, expected, "{name} since {began}");
        }
    }

    #[test]
    fn what_is_no_longer_remembered_covers_everything() {
        let mut forgotten = Forgotten::new();
        (0..=REMEMBERED).for_each(|number| assert_eq!(forgotten.record(()), number as u64 + 1));
        assert_eq!(forgotten.first_since(0, |()| false), Some(1));
        assert_eq!(forgotten.first_since(1, |()| false), None);
        assert_eq!(forgotten.scopes.len(), REMEMBERED);
        let latest = forgotten.latest();
        forgotten.clear();
        assert_eq!(forgotten.first_since(latest, |()| true), None);
        assert_eq!(forgotten.first_since(latest - 1, |()| false), Some(latest), "unknown");
        assert_eq!(forgotten.record(()), latest + 1);
        assert_eq!(forgotten.first_since(latest, |()| true), Some(latest + 1));
    }
}

//! What every cache here is made of: answers with an end, and one question at a time for each key.

use std::cell::RefMut;
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use tokio::sync::watch;

use crate::CacheLimits;
use crate::near::Near;

/// A value of which a thread can have a copy of its own.
pub(crate) trait Own {
    /// A copy that is handed on without counting where the original is counted.
    fn own(&self) -> Self;
}

/// An answer: a value, or the knowledge that there is none.
pub(crate) type Answer<V, E> = Result<Option<V>, Arc<E>>;

type Told<V, E> = watch::Receiver<Option<Answer<V, E>>>;

/// Bounded. Hits and misses have places of their own, so that a flood of misses evicts no hit.
pub(crate) struct Store<K, V, E>
where
    K: Send + Sync,
    V: Send + Sync,
{
    hits: Cache<K, Arc<Hit<K, V>>>,
    misses: Cache<K, End>,
    /// The hits that a thread finds often.
    near: Near<Arc<Hit<K, V>>>,
    /// How often something was forgotten. Asked before `hits` are, and told after them: what was found before a thing
    /// was forgotten is near in a generation that is over.
    generation: AtomicU64,
    /// Held while an answer is put into the caches: a change of the caches and a question's end never
    /// overlap.
    questions: Mutex<Questions<K, V, E>>,
    limits: CacheLimits,
}

struct Hit<K, V> {
    key: K,
    value: V,
    end: End,
}

impl<K: Clone, V: Own> Hit<K, V> {
    fn own(&self) -> Arc<Self> {
        Arc::new(Self {
            key: self.key.clone(),
            value: self.value.own(),
            end: self.end,
        })
    }
}

/// A value where it is kept.
pub(crate) struct AtHand<'s, K, V>(Place<'s, K, V>);

enum Place<'s, K, V> {
    Near(RefMut<'s, Arc<Hit<K, V>>>),
    Far(Arc<Hit<K, V>>),
}

impl<K, V> Deref for AtHand<'_, K, V> {
    type Target = V;

    fn deref(&self) -> &V {
        match &self.0 {
            Place::Near(hit) => &hit.value,
            Place::Far(hit) => &hit.value,
        }
    }
}

/// When an answer ends to hold; `None` for one that holds longer than the clock can tell.
#[derive(Clone, Copy)]
struct End(Option<Instant>);

impl End {
    /// By a clock that may be behind by `resolution`: then the answer ends by so much before its time.
    fn after(asked_at: Instant, time_to_live: Duration, resolution: Duration) -> Self {
        Self(asked_at.checked_add(time_to_live.saturating_sub(resolution)))
    }

    fn is_ahead(self, now: Instant) -> bool {
        self.0.is_none_or(|end| now < end)
    }
}

/// The questions that are being asked, each by the one that asked first.
struct Questions<K, V, E> {
    /// By key: the question's number, and where its answer is told.
    asked: HashMap<K, (u64, Told<V, E>)>,
    last_number: u64,
}

impl<K, V, E> Store<K, V, E>
where
    K: Clone + Eq + Hash + Send + Sync,
    V: Clone + Own + Send + Sync,
{
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self {
            hits: Cache::new(limits.capacity),
            misses: Cache::new(limits.miss_capacity),
            near: Near::new(),
            generation: AtomicU64::new(0),
            questions: Mutex::new(Questions {
                asked: HashMap::new(),
                last_number: 0,
            }),
            limits,
        }
    }

    pub(crate) const fn limits(&self) -> &CacheLimits {
        &self.limits
    }

    /// The answer that is kept, where one is and holds still.
    pub(crate) fn kept<Q: Hash + Equivalent<K>>(&self, key: &Q) -> Option<Option<V>> {
        Some(self.at_hand(key)?.map(|value| V::clone(&value)))
    }

    /// As [`kept`](Self::kept), where it is kept.
    pub(crate) fn at_hand<Q: Hash + Equivalent<K>>(&self, key: &Q) -> Option<Option<AtHand<'_, K, V>>> {
        let now = self.limits.clock.now();
        let (hash, generation) = (self.near.hash(key), self.generation.load(Ordering::Acquire));
        let is_it = |hit: &Arc<Hit<K, V>>| key.equivalent(&hit.key) && hit.end.is_ahead(now);
        if let Some(hit) = self.near.find(hash, generation, is_it, |hit| hit.own()) {
            return Some(Some(AtHand(Place::Near(hit))));
        }
        match self.hits.get(key) {
            Some(hit) if hit.end.is_ahead(now) => {
                self.near.put(hash, generation, Arc::clone(&hit));
                return Some(Some(AtHand(Place::Far(hit))));
            }
            _ => {}
        }
        match self.misses.get(key) {
            Some(end) if end.is_ahead(now) => Some(None),
            _ => None,
        }
    }

    /// The answer: kept, or asked for. Whoever asks while the question is under way waits for the same
    /// answer, also if it is an error. If the one that asks is dropped, another goes on.
    ///
    /// An error is not kept. A value that is not `worth_keeping` is its asker's alone: the others ask
    /// again, each for itself.
    pub(crate) async fn ask<F>(
        &self,
        key: &K,
        question: impl Fn() -> F,
        worth_keeping: impl Fn(&V) -> bool,
    ) -> Answer<V, E>
    where
        F: Future<Output = Result<Option<V>, E>>,
    {
        loop {
            let mut waiting = match self.join(key) {
                Joined::Kept(answer) => return Ok(answer),
                Joined::First(asking) => {
                    let answer = question().await.map_err(Arc::new);
                    asking.answered(&answer, worth_keeping);
                    return answer;
                }
                Joined::Waiting(waiting) => waiting,
            };
            if let Ok(answer) = waiting.wait_for(Option::is_some).await
                && let Some(answer) = &*answer
            {
                return answer.clone();
            }
        }
    }

    fn join(&self, key: &K) -> Joined<'_, K, V, E> {
        let mut questions = self.questions();
        // The question may have been answered since `kept` was asked.
        if let Some(answer) = self.kept(key) {
            return Joined::Kept(answer);
        }
        if let Some((_, receiver)) = questions.asked.get(key) {
            return Joined::Waiting(receiver.clone());
        }
        let (sender, receiver) = watch::channel(None);
        questions.last_number += 1;
        let number = questions.last_number;
        questions.asked.insert(key.clone(), (number, receiver));
        Joined::First(Asking {
            store: self,
            key: key.clone(),
            number,
            asked_at: self.limits.clock.now(),
            sender,
        })
    }

    /// Forgets the hits that are `stale` and all misses. What is being asked right now is not kept, and
    /// nobody who asks from now on waits for it.
    pub(crate) fn forget(&self, stale: impl Fn(&K, &V) -> bool) {
        let mut questions = self.questions();
        questions.asked.clear();
        self.hits.retain(|key, hit| !stale(key, &hit.value));
        self.misses.clear();
        self.generation.fetch_add(1, Ordering::Release);
    }
}

impl<K: Send + Sync, V: Send + Sync, E> Store<K, V, E> {
    fn questions(&self) -> MutexGuard<'_, Questions<K, V, E>> {
        self.questions.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

enum Joined<'s, K, V, E>
where
    K: Eq + Hash + Send + Sync,
    V: Send + Sync,
{
    Kept(Option<V>),
    First(Asking<'s, K, V, E>),
    Waiting(Told<V, E>),
}

/// The right to ask a question, and the duty to tell the others.
struct Asking<'s, K, V, E>
where
    K: Eq + Hash + Send + Sync,
    V: Send + Sync,
{
    store: &'s Store<K, V, E>,
    key: K,
    number: u64,
    /// An answer's time begins here: it may be as old as its question.
    asked_at: Instant,
    sender: watch::Sender<Option<Answer<V, E>>>,
}

impl<K, V, E> Asking<'_, K, V, E>
where
    K: Clone + Eq + Hash + Send + Sync,
    V: Clone + Send + Sync,
{
    fn answered(&self, answer: &Answer<V, E>, worth_keeping: impl Fn(&V) -> bool) {
        let Store {
            hits, misses, limits, ..
        } = self.store;
        if matches!(answer, Ok(Some(value)) if !worth_keeping(value)) {
            return;
        }
        let questions = self.store.questions();
        if self.is_current(&questions) {
            match answer {
                Ok(Some(value)) => {
                    let hit = Hit {
                        key: self.key.clone(),
                        value: value.clone(),
                        end: self.end(limits.time_to_live),
                    };
                    hits.insert(self.key.clone(), Arc::new(hit));
                }
                Ok(None) => misses.insert(self.key.clone(), self.end(limits.miss_time_to_live)),
                Err(_) => {}
            }
        }
        drop(questions);
        self.sender.send_replace(Some(answer.clone()));
    }
}

impl<K: Eq + Hash + Send + Sync, V: Send + Sync, E> Asking<'_, K, V, E> {
    fn end(&self, time_to_live: Duration) -> End {
        End::after(self.asked_at, time_to_live, self.store.limits.clock.resolution())
    }

    /// Whether nothing has been forgotten since the question was asked.
    fn is_current(&self, questions: &Questions<K, V, E>) -> bool {
        questions
            .asked
            .get(&self.key)
            .is_some_and(|(number, _)| *number == self.number)
    }
}

impl<K, V, E> Drop for Asking<'_, K, V, E>
where
    K: Eq + Hash + Send + Sync,
    V: Send + Sync,
{
    /// The question ends. Dropped before an answer, it is left to those who wait.
    fn drop(&mut self) {
        let mut questions = self.store.questions();
        if self.is_current(&questions) {
            questions.asked.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::hash::Hasher;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// A key whose hash is every other's.
    #[derive(Clone, PartialEq, Eq)]
    struct OfOneHash(u8);

    impl Hash for OfOneHash {
        fn hash<H: Hasher>(&self, _: &mut H) {}
    }

    impl Own for u8 {
        fn own(&self) -> Self {
            *self
        }
    }

    #[test]
    fn keys_of_one_hash_are_told_apart() {
        let store = Store::<OfOneHash, u8, Infallible>::new(CacheLimits::new());
        let ask = |key: u8| {
            let asked = OfOneHash(key);
            let answer = pin!(store.ask(&asked, async || Ok(Some(key)), |_| true));
            let polled = answer.poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Ready(Ok(Some(told))) if told == key));
        };
        ask(1);
        for _ in 0..100 {
            assert_eq!(store.kept(&OfOneHash(1)), Some(Some(1)));
            assert_eq!(store.kept(&OfOneHash(2)), None);
        }
        ask(2);
        for _ in 0..100 {
            assert_eq!(store.kept(&OfOneHash(1)), Some(Some(1)));
            assert_eq!(store.kept(&OfOneHash(2)), Some(Some(2)));
        }
    }
}

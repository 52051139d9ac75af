//! What every cache here is made of: answers with an end, and one question at a time for each key.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use tokio::sync::watch;

use crate::CacheLimits;

/// An answer: a value, or the knowledge that there is none.
pub(crate) type Answer<V, E> = Result<Option<V>, Arc<E>>;

type Told<V, E> = watch::Receiver<Option<Answer<V, E>>>;

/// Bounded. Hits and misses have places of their own, so that a flood of misses evicts no hit.
pub(crate) struct Store<K, V, E> {
    hits: Cache<K, (V, End)>,
    misses: Cache<K, End>,
    /// Held while an answer is put into the caches: a change of the caches and a question's end never
    /// overlap.
    questions: Mutex<Questions<K, V, E>>,
    limits: CacheLimits,
}

/// When an answer ends to hold; `None` for one that holds longer than the clock can tell.
#[derive(Clone, Copy)]
struct End(Option<Instant>);

impl End {
    fn after(asked_at: Instant, time_to_live: Duration) -> Self {
        Self(asked_at.checked_add(time_to_live))
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

impl<K: Clone + Eq + Hash, V: Clone, E> Store<K, V, E> {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self {
            hits: Cache::new(limits.capacity),
            misses: Cache::new(limits.miss_capacity),
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
        let now = self.limits.clock.now();
        match self.hits.get(key) {
            Some((value, end)) if end.is_ahead(now) => return Some(Some(value)),
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
        self.hits.retain(|key, (value, _)| !stale(key, value));
        self.misses.clear();
    }
}

impl<K, V, E> Store<K, V, E> {
    fn questions(&self) -> MutexGuard<'_, Questions<K, V, E>> {
        self.questions.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

enum Joined<'s, K: Eq + Hash, V, E> {
    Kept(Option<V>),
    First(Asking<'s, K, V, E>),
    Waiting(Told<V, E>),
}

/// The right to ask a question, and the duty to tell the others.
struct Asking<'s, K: Eq + Hash, V, E> {
    store: &'s Store<K, V, E>,
    key: K,
    number: u64,
    /// An answer's time begins here: it may be as old as its question.
    asked_at: Instant,
    sender: watch::Sender<Option<Answer<V, E>>>,
}

impl<K: Clone + Eq + Hash, V: Clone, E> Asking<'_, K, V, E> {
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
                    let end = End::after(self.asked_at, limits.time_to_live);
                    hits.insert(self.key.clone(), (value.clone(), end));
                }
                Ok(None) => misses.insert(self.key.clone(), End::after(self.asked_at, limits.miss_time_to_live)),
                Err(_) => {}
            }
        }
        drop(questions);
        self.sender.send_replace(Some(answer.clone()));
    }
}

impl<K: Eq + Hash, V, E> Asking<'_, K, V, E> {
    /// Whether nothing has been forgotten since the question was asked.
    fn is_current(&self, questions: &Questions<K, V, E>) -> bool {
        questions
            .asked
            .get(&self.key)
            .is_some_and(|(number, _)| *number == self.number)
    }
}

impl<K: Eq + Hash, V, E> Drop for Asking<'_, K, V, E> {
    /// The question ends. Dropped before an answer, it is left to those who wait.
    fn drop(&mut self) {
        let mut questions = self.store.questions();
        if self.is_current(&questions) {
            questions.asked.remove(&self.key);
        }
    }
}

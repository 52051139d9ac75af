//! One query at a time for each key (single flight).

use std::collections::HashMap;
use std::hash::Hash;

use tokio::sync::watch;

use super::cacheable::{Answer, Scope};
use super::forgotten::Forgotten;

/// An answer, and the number of the first invalidation since its query began that covers it.
pub(super) type Landed<V, E> = (Answer<V, E>, Option<u64>);

/// The queries that are under way. Each is made by the caller that needed its answer first.
pub(super) struct Flights<K, V, S, E> {
    /// Those whose answer later callers wait for. A query that an invalidation may concern is not among them: it may have
    /// been read before.
    joinable: HashMap<K, Flight<V, E>>,
    last_number: u64,
    /// How many queries are under way, those that nobody can join included.
    under_way: usize,
    pub(super) forgotten: Forgotten<S>,
}

struct Flight<V, E> {
    number: u64,
    receiver: watch::Receiver<Option<Landed<V, E>>>,
}

/// The right to make a query, and the duty to hand its answer to those who wait.
pub(super) struct Ticket<V, E> {
    number: u64,
    /// The latest invalidation when the query began.
    pub(super) began: u64,
    pub(super) sender: watch::Sender<Option<Landed<V, E>>>,
}

/// Where the answer of another's query will be received.
pub(super) struct Waiter<V, E> {
    receiver: watch::Receiver<Option<Landed<V, E>>>,
    /// The latest invalidation when the wait began.
    joined: u64,
}

impl<V: Clone, E> Waiter<V, E> {
    /// The answer; `None` if the query was given up, or if its answer is older than an invalidation that had returned when
    /// the wait began.
    pub(super) async fn answer(mut self) -> Option<Answer<V, E>> {
        let landed = self.receiver.wait_for(Option::is_some).await.ok()?;
        let (answer, forgotten) = landed.as_ref()?;
        let is_fresh = forgotten.is_none_or(|number| self.joined < number);
        is_fresh.then(|| answer.clone())
    }
}

impl<K, V, S, E> Flights<K, V, S, E>
where
    K: Clone + Eq + Hash,
    S: Scope<K, V>,
{
    pub(super) fn new() -> Self {
        Self {
            joinable: HashMap::new(),
            last_number: 0,
            under_way: 0,
            forgotten: Forgotten::new(),
        }
    }

    /// The query for this key that is under way, if there is one.
    pub(super) fn join(&self, key: &K) -> Option<Waiter<V, E>> {
        self.joinable.get(key).map(|flight| Waiter {
            receiver: flight.receiver.clone(),
            joined: self.forgotten.latest(),
        })
    }

    pub(super) fn begin(&mut self, key: &K) -> Ticket<V, E> {
        let (sender, receiver) = watch::channel(None);
        self.last_number += 1;
        self.under_way += 1;
        let number = self.last_number;
        self.joinable.insert(key.clone(), Flight { number, receiver });
        Ticket {
            number,
            began: self.forgotten.latest(),
            sender,
        }
    }

    /// Nobody who comes later waits for this query.
    pub(super) fn close(&mut self, key: &K, ticket: &Ticket<V, E>) {
        if self.is_joinable(key, ticket) {
            self.joinable.remove(key);
        }
    }

    /// A query has ended, or was given up.
    pub(super) fn end(&mut self, key: &K, ticket: &Ticket<V, E>) {
        self.close(key, ticket);
        self.under_way = self.under_way.saturating_sub(1);
        if self.under_way == 0 {
            self.forgotten.clear();
        }
    }

    /// Whether later callers wait for this query, and not for a newer one.
    pub(super) fn is_joinable(&self, key: &K, ticket: &Ticket<V, E>) -> bool {
        let current = self.joinable.get(key);
        current.is_some_and(|flight| flight.number == ticket.number)
    }

    /// Whether there is a newer query for the key.
    pub(super) fn is_overtaken(&self, key: &K, ticket: &Ticket<V, E>) -> bool {
        let current = self.joinable.get(key);
        current.is_some_and(|flight| flight.number != ticket.number)
    }

    /// Nobody who comes later waits for a query that may have been read before this. Returns the invalidation's number.
    pub(super) fn forget(&mut self, scope: S) -> u64 {
        self.joinable.retain(|key, _| !scope.may_cover(key));
        let number = self.forgotten.record(scope);
        if self.under_way == 0 {
            self.forgotten.clear();
        }
        number
    }
}

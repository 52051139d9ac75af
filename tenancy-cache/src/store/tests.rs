//! Keys that only their hash has in common.

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

impl Unshare for u8 {
    fn unshare(&self) -> Self {
        *self
    }
}

#[test]
fn keys_of_one_hash_are_told_apart() {
    let store = Store::<OfOneHash, u8, Infallible>::new(CacheLimits::new());
    let ask = |key: u8| {
        let (value, key) = (key, OfOneHash(key));
        let answer = pin!(store.get_or_query(&key, async || Ok(Some(value)), |_| true));
        let polled = answer.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Ok(Some(found))) if found == value));
    };
    ask(1);
    for _ in 0..100 {
        assert_eq!(store.cached(&OfOneHash(1)), Some(Some(1)));
        assert_eq!(store.cached(&OfOneHash(2)), None);
    }
    ask(2);
    for _ in 0..100 {
        assert_eq!(store.cached(&OfOneHash(1)), Some(Some(1)));
        assert_eq!(store.cached(&OfOneHash(2)), Some(Some(2)));
    }
}

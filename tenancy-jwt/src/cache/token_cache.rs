//! The tokens that were verified a while ago, by what cannot be turned back into them.

use std::fmt;
use std::hash::BuildHasherDefault;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use tenancy_core::request::{Claims, VerifiedClaims};

use crate::cache::token_digest::{DigestHasher, DigestKey, TokenDigest};
use crate::verify::validity::Times;
use crate::{BuildVerifierError, TokenCacheLimits, TokenError};

/// What an entry of the ordinary size takes, in bytes.
const ORDINARY: usize = 1024;

/// A cache of verified tokens, bounded in number and in size. Refused tokens are not cached: anybody can make them
/// without end, and would evict the others.
pub(crate) struct TokenCache {
    key: DigestKey,
    entries: Cache<TokenDigest, Entry, BySize, BuildHasherDefault<DigestHasher>>,
    /// How often something was forgotten. Locked while a token is stored and while tokens are forgotten, so that a token
    /// whose verification began before an invalidation is not stored after it.
    generation: Mutex<u64>,
    limits: TokenCacheLimits,
}

/// What the verification of a token came to, and what that depends on.
pub(crate) struct Verified {
    pub(crate) claims: Claims,
    /// The size of their lists, in bytes.
    pub(crate) size: usize,
    pub(crate) times: Times,
    /// Whose keys have verified it: an index into those that the verifier trusts.
    pub(crate) trust: usize,
    /// The number of their set.
    pub(crate) key_set: u64,
}

/// A verified token in the cache.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) claims: Arc<Claims>,
    pub(crate) times: Times,
    pub(crate) trust: usize,
    pub(crate) key_set: u64,
    size: usize,
    /// When it is served, in seconds since 1970: not before it was verified, in case the clock is set back.
    served_during: Range<u64>,
}

/// When a verification began. Its result is as old as this.
pub(crate) struct Start {
    unix_seconds: u64,
    generation: u64,
}

impl TokenCache {
    pub(crate) fn new(limits: TokenCacheLimits) -> Result<Self, BuildVerifierError> {
        Ok(Self {
            key: DigestKey::random().ok_or(BuildVerifierError::Random)?,
            entries: Cache::with(
                limits.capacity,
                limits.capacity as u64,
                BySize,
                BuildHasherDefault::default(),
                DefaultLifecycle::default(),
            ),
            generation: Mutex::new(0),
            limits,
        })
    }

    /// The digest that a token is found by. A token that is too long is refused, and not read.
    pub(crate) fn digest(&self, token: &[u8]) -> Result<TokenDigest, TokenError> {
        self.key.digest(token)
    }

    /// A token that was verified not too long ago. It may have expired since, and its keys may be gone.
    pub(crate) fn get(&self, token: &TokenDigest, unix_seconds: u64) -> Option<Entry> {
        let entry = self.entries.get(token)?;
        entry.served_during.contains(&unix_seconds).then_some(entry)
    }

    pub(crate) fn begin(&self, unix_seconds: u64) -> Start {
        Start {
            unix_seconds,
            generation: *self.generation(),
        }
    }

    /// Stores the result of a verification, unless something was forgotten since it began.
    pub(crate) fn insert(&self, start: &Start, token: TokenDigest, verified: Verified) -> Arc<Claims> {
        let claims = Arc::new(verified.claims);
        let from = start.unix_seconds;
        let entry = Entry {
            claims: Arc::clone(&claims),
            times: verified.times,
            trust: verified.trust,
            key_set: verified.key_set,
            size: verified.size + claims.issuer().map_or(0, str::len),
            served_during: from..from.saturating_add(self.limits.time_to_live.as_secs()),
        };
        let generation = self.generation();
        if *generation == start.generation {
            self.entries.insert(token, entry);
        }
        claims
    }

    /// Forgets the tokens whose claims are `stale`. A token that is being verified right now is not stored.
    pub(crate) fn forget(&self, stale: impl Fn(&Claims) -> bool) {
        let mut generation = self.generation();
        *generation += 1;
        self.entries.retain(|_, entry| !stale(&entry.claims));
    }

    fn generation(&self) -> MutexGuard<'_, u64> {
        self.generation.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenCache").field(&self.limits).finish()
    }
}

/// A token may list more than a thousand tenants: it then counts as many ordinary ones.
#[derive(Clone)]
struct BySize;

impl Weighter<TokenDigest, Entry> for BySize {
    fn weight(&self, _: &TokenDigest, entry: &Entry) -> u64 {
        1 + (entry.size / ORDINARY) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(subject: &str) -> Verified {
        let payload = crate::verify::json::parse_object(br#"{"exp":1}"#).unwrap();
        Verified {
            claims: Claims::new(subject.parse().unwrap()),
            size: 0,
            times: Times::read(&payload).unwrap(),
            trust: 0,
            key_set: 0,
        }
    }

    /// What was forgotten while a token was verified is not brought back by the verification's end.
    #[test]
    fn what_is_forgotten_wins_over_a_verification_under_way() {
        let cache = TokenCache::new(TokenCacheLimits::new()).unwrap();
        let token = cache.digest(b"a token").unwrap();
        let begun = cache.begin(0);
        cache.forget(|claims| claims.subject() == "alice");
        cache.insert(&begun, token, verified("alice"));
        assert!(cache.get(&token, 0).is_none());
        cache.insert(&cache.begin(0), token, verified("alice"));
        assert!(cache.get(&token, 0).is_some());
    }
}

//! The tokens that were verified a while ago, by what cannot be turned back into them.

use std::fmt;
use std::hash::BuildHasherDefault;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use tenancy_core::{Claims, VerifiedClaims};

use crate::cache::token_digest::{DigestHasher, DigestKey, TokenDigest};
use crate::verify::validity::Times;
use crate::{BuildVerifierError, TokenCacheLimits, TokenError};

/// What an entry of the ordinary size takes, in bytes.
const ORDINARY: usize = 1024;

/// Verified tokens, bounded in number and in size. Refused ones are not kept: anybody can make them
/// without end, and would push the others out.
pub(crate) struct TokenCache {
    key: DigestKey,
    kept: Cache<TokenDigest, Kept, BySize, BuildHasherDefault<DigestHasher>>,
    /// How often something was forgotten. Held while a token is put into the cache: a verification's end
    /// and a change of the cache never overlap.
    forgotten: Mutex<u64>,
    limits: TokenCacheLimits,
}

/// What a token was found to be, and under what this holds.
pub(crate) struct Verified {
    pub(crate) claims: Claims,
    /// What their lists take, in bytes.
    pub(crate) size: usize,
    pub(crate) times: Times,
    /// Whose keys have verified it: a place among those that the verifier trusts.
    pub(crate) trust: usize,
    /// The number of their set.
    pub(crate) key_set: u64,
}

/// A token that was verified.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) claims: Arc<Claims>,
    pub(crate) times: Times,
    pub(crate) trust: usize,
    pub(crate) key_set: u64,
    size: usize,
    /// When it is served, in seconds since 1970: not before it was verified, if the clock was set back.
    during: Range<u64>,
}

/// A verification that has begun. What it comes to is as old as this.
pub(crate) struct Begun {
    unix_seconds: u64,
    forgotten: u64,
}

impl TokenCache {
    pub(crate) fn new(limits: TokenCacheLimits) -> Result<Self, BuildVerifierError> {
        Ok(Self {
            key: DigestKey::random().ok_or(BuildVerifierError::Random)?,
            kept: Cache::with(
                limits.capacity,
                limits.capacity as u64,
                BySize,
                BuildHasherDefault::default(),
                DefaultLifecycle::default(),
            ),
            forgotten: Mutex::new(0),
            limits,
        })
    }

    /// What a token is kept by. One that is too long is refused, and not read.
    pub(crate) fn digest(&self, token: &[u8]) -> Result<TokenDigest, TokenError> {
        self.key.digest(token)
    }

    /// A token that was verified not too long ago. It may have expired, and its keys may have gone.
    pub(crate) fn kept(&self, token: &TokenDigest, unix_seconds: u64) -> Option<Kept> {
        let kept = self.kept.get(token)?;
        kept.during.contains(&unix_seconds).then_some(kept)
    }

    pub(crate) fn begin(&self, unix_seconds: u64) -> Begun {
        Begun {
            unix_seconds,
            forgotten: *self.forgotten(),
        }
    }

    /// Keeps what a verification came to, unless something was forgotten since it began.
    pub(crate) fn keep(&self, begun: &Begun, token: TokenDigest, verified: Verified) -> Arc<Claims> {
        let claims = Arc::new(verified.claims);
        let from = begun.unix_seconds;
        let kept = Kept {
            claims: Arc::clone(&claims),
            times: verified.times,
            trust: verified.trust,
            key_set: verified.key_set,
            size: verified.size + claims.issuer().map_or(0, str::len),
            during: from..from.saturating_add(self.limits.time_to_live.as_secs()),
        };
        let forgotten = self.forgotten();
        if *forgotten == begun.forgotten {
            self.kept.insert(token, kept);
        }
        claims
    }

    /// Forgets the tokens whose claims are `stale`. What is being verified right now is not kept.
    pub(crate) fn forget(&self, stale: impl Fn(&Claims) -> bool) {
        let mut forgotten = self.forgotten();
        *forgotten += 1;
        self.kept.retain(|_, kept| !stale(&kept.claims));
    }

    fn forgotten(&self) -> MutexGuard<'_, u64> {
        self.forgotten.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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

impl Weighter<TokenDigest, Kept> for BySize {
    fn weight(&self, _: &TokenDigest, kept: &Kept) -> u64 {
        1 + (kept.size / ORDINARY) as u64
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
        cache.keep(&begun, token, verified("alice"));
        assert!(cache.kept(&token, 0).is_none());
        cache.keep(&cache.begin(0), token, verified("alice"));
        assert!(cache.kept(&token, 0).is_some());
    }
}

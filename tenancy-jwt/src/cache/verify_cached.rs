//! The verifier behind a cache of the tokens that it has verified.

use std::sync::Arc;

use tenancy_core::directory::{Change, Invalidate};
use tenancy_core::names::Subject;
use tenancy_core::request::{Claims, VerifiedClaims};

use crate::cache::token_cache::Entry;
use crate::verify::verifier::unix_seconds;
use crate::{TokenError, TokenVerifier};

impl TokenVerifier {
    /// As [`verify`](Self::verify). A token that was verified a while ago is not verified again, where it
    /// still holds: see [the cache](Self#the-cache-of-verified-tokens).
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the token first.
    pub fn verify_cached(&self, token: &[u8]) -> Result<Arc<Claims>, TokenError> {
        self.verify_cached_at(token, unix_seconds()?)
    }

    /// As [`verify_cached`](Self::verify_cached), as of a time in seconds since 1970, for tests.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the token first.
    pub fn verify_cached_at(&self, token: &[u8], unix_seconds: u64) -> Result<Arc<Claims>, TokenError> {
        let Some(cache) = &self.cache else {
            return self.verify_at(token, unix_seconds).map(Arc::new);
        };
        let digest = cache.digest(token)?;
        if let Some(entry) = cache.get(&digest, unix_seconds)
            && self.is_still_valid(&entry, unix_seconds)
        {
            return Ok(entry.claims);
        }
        let start = cache.begin(unix_seconds);
        let verified = self.verify_in_full(token, unix_seconds)?;
        Ok(cache.insert(&start, digest, verified))
    }

    /// Whether the verification would come to the same now: the time may have passed or been set back, and the keys may
    /// have changed.
    fn is_still_valid(&self, entry: &Entry, unix_seconds: u64) -> bool {
        let Some(trust) = self.trusts.get(entry.trust) else {
            return false;
        };
        entry.times.check(unix_seconds as f64, self.leeway).is_ok()
            && trust.keys.key_set_number() == Some(entry.key_set)
    }

    /// Forgets the verified tokens of a subject of an issuer, which is `None` for tokens that name none.
    /// A token that is being verified right now is not stored.
    ///
    /// # Security
    ///
    /// It takes what the tokens say out of memory, and revokes nothing: a token that still holds is
    /// verified again when it is shown again.
    #[doc(alias = "revocation")]
    #[doc(alias = "logout")]
    pub fn forget_subject(&self, issuer: Option<&str>, subject: &Subject) {
        if let Some(cache) = &self.cache {
            cache.forget(|claims| claims.issuer() == issuer && claims.subject() == subject);
        }
    }

    /// Forgets all verified tokens. A token that is being verified right now is not stored.
    pub fn forget_all(&self) {
        if let Some(cache) = &self.cache {
            cache.forget(|_| true);
        }
    }
}

/// A token's claims do not change with the directory: only an ended subject, or everything, is forgotten.
impl Invalidate for TokenVerifier {
    fn invalidate(&self, change: &Change) {
        let Some(cache) = &self.cache else { return };
        match change {
            Change::Tenant { .. } | Change::Member { .. } | Change::Settings { .. } => {}
            Change::Subject { issuer, subject } => cache.forget(|claims| {
                claims.subject() == subject && (issuer.is_none() || claims.issuer() == issuer.as_deref())
            }),
            _ => cache.forget(|_| true),
        }
    }
}

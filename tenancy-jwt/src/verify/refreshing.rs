//! The verifier, with a fetch of the issuer's key set where a token names a key that is not known yet.

use std::sync::Arc;

use tenancy_core::request::Claims;

use crate::key::key_source::Source;
use crate::verify::compact::Compact;
use crate::verify::header::Header;
use crate::{TokenError, TokenVerifier};

impl TokenVerifier {
    /// Verifies a token as [`verify_cached`](Self::verify_cached) does. Where it names a key that is not known, and its
    /// issuer's key set is fetched from the network, it waits for a fetch that may bring the key, and verifies again.
    ///
    /// A `RemoteJwks` bounds how often it fetches for unknown keys and how long this waits, whatever tokens are sent. A
    /// token of a known key never waits.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the token first. [`TokenError::KeysUnavailable`] means that nobody can tell yet: try
    /// again, or answer 503.
    pub async fn verify_refreshing(&self, token: &[u8]) -> Result<Arc<Claims>, TokenError> {
        let verified = self.verify_cached(token);
        let Err(error) = verified else { return verified };
        let Some(source) = self.source_to_refresh(token, error) else {
            return Err(error);
        };
        let has_helped = || {
            !matches!(
                self.verify(token),
                Err(TokenError::UnknownKid | TokenError::KeysUnavailable)
            )
        };
        source.refresh_for_unknown_kid(has_helped).await;
        self.verify_cached(token)
    }

    /// What [`verify_refreshing`](Self::verify_refreshing) comes to, where it need not wait; `None` where it must.
    #[must_use]
    pub fn verify_now(&self, token: &[u8]) -> Option<Result<Arc<Claims>, TokenError>> {
        match self.verify_cached(token) {
            Err(error) if self.source_to_refresh(token, error).is_some() => None,
            verified => Some(verified),
        }
    }

    /// The source that may yet bring the key of a token that could not be verified without it.
    fn source_to_refresh(&self, token: &[u8], error: TokenError) -> Option<&Source> {
        if !error.is_missing_key() {
            return None;
        }
        let token = Compact::parse(token).ok()?;
        let header = Header::parse(token.header).ok()?;
        let source = &self.trust(&token).ok()?.1.keys;
        source.may_refresh(header.algorithm().ok()?).then_some(source)
    }
}

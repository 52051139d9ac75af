use std::fmt;
use std::sync::Arc;

use tokio::task::AbortHandle;

use super::shared::Shared;
use crate::key::key_set::KeySet;

/// An issuer's key set, fetched in the background for as long as this lives.
///
/// The first fetch begins at once, and nothing waits for it: a service starts while the issuer is down.
/// Until there is a key set, requests with one of its tokens are refused with 503. From then on it is
/// fetched again every 5 minutes, or as the issuer's `Cache-Control: max-age` says, from a minute to a
/// day. A fetch that fails is repeated after about a second, then after ever longer, up to a minute.
///
/// While the issuer cannot be reached, or answers with a document that is refused, the last good keys are
/// used, for a day; then its tokens are refused with 503. Keys that are gone from a good document verify
/// nothing any more, also if none is left.
///
/// A token that names an unknown key has the set fetched, at most once in 30 s whatever is sent, and its
/// request waits for that up to 2 s; tokens of known keys never wait. Nor do tokens of a known `kid` whose
/// algorithm none of its keys has: an issuer that gives an old `kid` to a key of another algorithm is
/// followed at the next refresh.
///
/// Which keys of a document are used, and when it is refused as a whole, is described at
/// [`JwksFile`](crate::JwksFile#which-keys-of-a-key-set-are-used). Two things differ. A document from the network
/// with any secret is refused, also if there is nothing but secrets in it. And one without a key that can be used is
/// no reason to keep the keys as they were: the issuer may have taken them all back.
///
/// ```
/// use tenancy_jwt::{HttpsJwks, RemoteJwks, TokenVerifier, TrustedIssuer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let roots = rcgen::generate_simple_self_signed(["login.example".to_owned()])?.cert.pem();
/// let issuer = "https://login.example";
/// let fetcher = HttpsJwks::discover(issuer).with_root_certificates(roots).build()?;
/// let keys = RemoteJwks::builder(fetcher).build()?;
/// let verifier = TokenVerifier::builder()
///     .with_trusted_issuer(TrustedIssuer::new(issuer, keys).with_audience("notes"))
///     .build()?;
/// # Ok(()) }
/// ```
#[doc(alias = "JWKS rotation")]
#[doc(alias = "key rotation")]
pub struct RemoteJwks {
    name: String,
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl RemoteJwks {
    pub(super) const fn new(name: String, shared: Arc<Shared>, task: AbortHandle) -> Self {
        Self { name, shared, task }
    }

    pub(crate) fn current(&self) -> Option<Arc<KeySet>> {
        self.shared.current()
    }

    /// Whether waiting may bring the key of a token with this `alg`. If no accepted key could have it, nothing is
    /// fetched for it.
    pub(crate) fn may_refresh(&self, alg: &str) -> bool {
        self.accepts(alg) && self.shared.may_refresh()
    }

    /// Whether a key of this set could have this `alg`.
    pub(crate) fn accepts(&self, alg: &str) -> bool {
        let accepted = &self.shared.rules.accepted;
        accepted.iter().any(|algorithm| algorithm.as_str() == alg)
    }

    pub(crate) async fn refresh_for_unknown_kid(&self, has_helped: impl Fn() -> bool + Send) {
        self.shared.refresh_for_unknown_kid(has_helped).await;
    }
}

impl Drop for RemoteJwks {
    fn drop(&mut self) {
        self.shared.end();
        self.task.abort();
    }
}

impl fmt::Debug for RemoteJwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJwks")
            .field("name", &self.name)
            .field("rules", &self.shared.rules)
            .field("times", &self.shared.times)
            .finish_non_exhaustive()
    }
}

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Fetches the document of a key set: [`HttpsJwks`](crate::HttpsJwks), or a client of your own.
///
/// # Security
///
/// Anyone who can choose the document can choose whose tokens are accepted. Fetch it from the issuer over a
/// connection that is encrypted and whose other end is known, follow no redirect, and bound its length.
pub trait JwksFetcher: Send + Sync {
    /// Why there is no document. It goes to the log.
    type Error: Error + Send + Sync + 'static;

    /// What the log calls it: the address, say.
    fn name(&self) -> &str;

    /// Fetches the document. It is dropped after 5 s, unless set otherwise. A panic is a failure like any
    /// other.
    ///
    /// # Errors
    ///
    /// No answer, or one that is no key set.
    fn fetch(&self) -> impl Future<Output = Result<FetchedJwks, Self::Error>> + Send;
}

impl<F: JwksFetcher + ?Sized> JwksFetcher for Arc<F> {
    type Error = F::Error;

    fn name(&self) -> &str {
        (**self).name()
    }

    fn fetch(&self) -> impl Future<Output = Result<FetchedJwks, Self::Error>> + Send {
        (**self).fetch()
    }
}

/// A document, and for how long it is fresh.
pub struct FetchedJwks {
    pub(super) document: Vec<u8>,
    pub(super) max_age: Option<Duration>,
}

impl FetchedJwks {
    /// A document that does not say for how long it is fresh.
    #[must_use]
    pub const fn new(document: Vec<u8>) -> Self {
        Self {
            document,
            max_age: None,
        }
    }

    /// The `max-age` of `Cache-Control` (RFC 9111 §5.2.2.1), less the `Age`.
    #[must_use]
    pub const fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }
}

impl fmt::Debug for FetchedJwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedJwks")
            .field("length", &self.document.len())
            .field("max_age", &self.max_age)
            .finish()
    }
}

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::Handle;

use super::refresh::Refresh;
use super::shared::{Shared, Times};
use super::{JwksFetcher, RemoteJwks};
use crate::jwks::jwk_set::JwkRules;
use crate::{AlgorithmsError, KeyAlgorithm};
use tenancy_core::clock::{Clock, SystemClock};

const DEFAULT_TIMES: Times = Times {
    refresh_interval: Duration::from_secs(300),
    unknown_key_interval: Duration::from_secs(30),
    wait: Duration::from_secs(2),
    timeout: Duration::from_secs(5),
    maximum_age: Duration::from_secs(24 * 60 * 60),
};

/// Configures a [`RemoteJwks`] before its first fetch.
pub struct RemoteJwksBuilder<F> {
    fetcher: F,
    algorithms: Vec<KeyAlgorithm>,
    times: Times,
    clock: Arc<dyn Clock>,
}

impl RemoteJwks {
    /// A key set that has yet to be fetched.
    pub fn builder<F: JwksFetcher + 'static>(fetcher: F) -> RemoteJwksBuilder<F> {
        RemoteJwksBuilder::new(fetcher)
    }
}

impl<F: JwksFetcher + 'static> RemoteJwksBuilder<F> {
    pub(super) fn new(fetcher: F) -> Self {
        Self {
            fetcher,
            algorithms: KeyAlgorithm::PUBLIC.into(),
            times: DEFAULT_TIMES,
            clock: Arc::new(SystemClock),
        }
    }

    /// The algorithms that its keys may have, none of them of a secret. A key without `alg` has the first
    /// of them that fits it. Default: [`KeyAlgorithm::PUBLIC`], so that an RSA key without `alg` is for
    /// `RS256`.
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: impl IntoIterator<Item = KeyAlgorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// How long a key set is used before it is fetched again, if the issuer does not say. Default: 300 s.
    /// At most half of the maximum age.
    #[must_use]
    #[doc(alias = "JWKS rotation")]
    pub const fn with_refresh_interval(mut self, interval: Duration) -> Self {
        self.times.refresh_interval = interval;
        self
    }

    /// The least time between two fetches for the sake of unknown keys, a bound on their rate. Default: 30 s.
    #[must_use]
    #[doc(alias = "rate limit")]
    pub const fn with_unknown_key_interval(mut self, interval: Duration) -> Self {
        self.times.unknown_key_interval = interval;
        self
    }

    /// How long a request with an unknown key waits for a fetch. Default: 2 s.
    #[must_use]
    pub const fn with_wait(mut self, wait: Duration) -> Self {
        self.times.wait = wait;
        self
    }

    /// How long a fetch may take in all. Default: 5 s.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.times.timeout = timeout;
        self
    }

    /// How long keys are used while no good key set can be fetched. Default: 24 h. Then requests with the
    /// issuer's tokens are refused with 503.
    #[must_use]
    #[doc(alias = "stale keys")]
    pub const fn with_maximum_age(mut self, age: Duration) -> Self {
        self.times.maximum_age = age;
        self
    }

    /// Sets the clock by which keys grow old and fetches for unknown keys are spaced, for tests. Default:
    /// the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the key set and starts to fetch it, in the tokio runtime that this is called in, until that runtime ends.
    ///
    /// # Errors
    ///
    /// Fails for algorithms that a key set from the network cannot have, for a time of zero, and outside of a runtime.
    pub fn build(self) -> Result<RemoteJwks, RemoteJwksError> {
        let rules = JwkRules::new(self.algorithms, true)?;
        if [self.times.refresh_interval, self.times.timeout, self.times.maximum_age].contains(&Duration::ZERO) {
            return Err(RemoteJwksError::NoTime);
        }
        let runtime = Handle::try_current().map_err(|_| RemoteJwksError::NoRuntime)?;
        let name = self.fetcher.name().to_owned();
        let shared = Arc::new(Shared::new(rules, self.clock, self.times));
        let task = runtime.spawn(Refresh::new(Arc::clone(&shared), self.fetcher).run());
        Ok(RemoteJwks::new(name, shared, task.abort_handle()))
    }
}

impl<F> fmt::Debug for RemoteJwksBuilder<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJwksBuilder")
            .field("algorithms", &self.algorithms)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

/// Why a key set cannot be fetched at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RemoteJwksError {
    /// Algorithms that do not go together, or not with the network.
    #[error(transparent)]
    Algorithms(#[from] AlgorithmsError),
    /// A refresh interval, a timeout or a maximum age of zero.
    #[error("the refresh interval, the timeout and the maximum age must be longer than zero")]
    NoTime,
    /// Not called in a tokio runtime.
    #[error("failed to start fetching the key set: this is not called in a tokio runtime")]
    NoRuntime,
}

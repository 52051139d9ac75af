use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tenancy_core::{Directory, TenantEntry, TenantId, TenantKey, answers_to};

use super::store::{Limits, Store};
use crate::Clock;

/// A directory that keeps the answers of another. Cheap to clone; clones share what is kept.
///
/// A hit is kept for 60 s and a miss for 5 s, unless set otherwise. Hits (10,000) and misses (1,000)
/// have places of their own, so that a flood of unknown names evicts no tenant. Any number of requests
/// that ask for one key at a time are one look-up.
///
/// An error is not kept, and is no miss. Nothing is served beyond its time: where the directory fails
/// then, requests are refused with 503.
///
/// # Security
///
/// A tenant that is suspended, renamed or removed is served as before until its time is over, or until
/// [`forget`](Self::forget) is called, in each process. A look-up that was under way then is not kept.
///
/// ```
/// use std::time::Duration;
/// use tenancy_core::{MemoryDirectory, TenantId};
/// use tenancy_http::CachedDirectory;
///
/// # let directory = MemoryDirectory::default();
/// let directory = CachedDirectory::new(directory).with_time_to_live(Duration::from_secs(30));
/// // After a change of the tenant, in the process that makes it:
/// directory.forget(&"acme".parse::<TenantId>()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CachedDirectory<D: Directory> {
    directory: Arc<D>,
    store: Arc<Store<TenantKey, Arc<D::Entry>, D::Error>>,
    limits: Limits,
}

impl<D: Directory> CachedDirectory<D> {
    /// Keeps the answers of `directory`.
    pub fn new(directory: D) -> Self {
        Self::with_limits(Arc::new(directory), Limits::default())
    }

    fn with_limits(directory: Arc<D>, limits: Limits) -> Self {
        Self {
            directory,
            store: Arc::new(Store::new(limits.clone())),
            limits,
        }
    }

    /// Sets how many hits are kept. Default: 10,000. Each takes about 1 KiB.
    #[must_use]
    pub fn with_capacity(self, capacity: usize) -> Self {
        Self::with_limits(
            self.directory,
            Limits {
                capacity,
                ..self.limits
            },
        )
    }

    /// Sets how many misses are kept. Default: 1,000.
    #[must_use]
    pub fn with_miss_capacity(self, miss_capacity: usize) -> Self {
        Self::with_limits(
            self.directory,
            Limits {
                miss_capacity,
                ..self.limits
            },
        )
    }

    /// Sets how long a hit is kept. Default: 60 s.
    #[must_use]
    pub fn with_time_to_live(self, time_to_live: Duration) -> Self {
        Self::with_limits(
            self.directory,
            Limits {
                time_to_live,
                ..self.limits
            },
        )
    }

    /// Sets how long a miss is kept. Default: 5 s.
    #[must_use]
    pub fn with_miss_time_to_live(self, miss_time_to_live: Duration) -> Self {
        Self::with_limits(
            self.directory,
            Limits {
                miss_time_to_live,
                ..self.limits
            },
        )
    }

    /// Sets the clock, for tests. Default: the system's.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        let clock = Arc::new(clock);
        Self::with_limits(self.directory, Limits { clock, ..self.limits })
    }

    /// The directory behind.
    #[must_use]
    pub fn directory(&self) -> &D {
        &self.directory
    }

    /// Forgets a tenant, by all its names, and all misses: one may be a name that the tenant has now.
    ///
    /// A look-up that is under way is not kept.
    pub fn forget(&self, tenant: &TenantId) {
        self.store.forget(|entry| entry.record().id == *tenant);
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.store.forget(|_| true);
    }
}

impl<D: Directory> Clone for CachedDirectory<D> {
    fn clone(&self) -> Self {
        Self {
            directory: Arc::clone(&self.directory),
            store: Arc::clone(&self.store),
            limits: self.limits.clone(),
        }
    }
}

impl<D: Directory> fmt::Debug for CachedDirectory<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedDirectory")
            .field("capacity", &self.limits.capacity)
            .field("time_to_live", &self.limits.time_to_live)
            .finish_non_exhaustive()
    }
}

impl<D> Directory for CachedDirectory<D>
where
    D: Directory<Entry: Sync>,
{
    type Entry = Arc<D::Entry>;
    type Error = CachedDirectoryError<D::Error>;

    async fn find(&self, key: &TenantKey) -> Result<Option<Self::Entry>, Self::Error> {
        let question = async || Ok(self.directory.find(key).await?.map(Arc::new));
        // An answer to another question refuses the request, and the next one asks again.
        let answer = self.store.ask(key, question, |entry| answers_to(&**entry, key));
        answer.await.map_err(CachedDirectoryError)
    }

    fn find_now(&self, key: &TenantKey) -> Option<Option<Self::Entry>> {
        self.store.kept(key)
    }
}

/// The error of the directory behind, shared by all that waited for its answer.
pub struct CachedDirectoryError<E>(Arc<E>);

impl<E> Clone for CachedDirectoryError<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: fmt::Debug> fmt::Debug for CachedDirectoryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: fmt::Display> fmt::Display for CachedDirectoryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: Error> Error for CachedDirectoryError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

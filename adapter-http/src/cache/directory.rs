use std::fmt;
use std::sync::Arc;

use tenancy_core::{Change, Directory, Invalidate, TenantEntry, TenantId, TenantKey, answers_to};

use super::store::Store;
use crate::{CacheLimits, SharedError};

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
/// [`follow`](crate::follow) calls it as changes are told.
///
/// ```
/// use std::time::Duration;
/// use tenancy_core::{MemoryDirectory, TenantId};
/// use tenancy_http::{CacheLimits, CachedDirectory};
///
/// # let directory = MemoryDirectory::default();
/// let limits = CacheLimits::new().with_time_to_live(Duration::from_secs(30));
/// let directory = CachedDirectory::with_limits(directory, limits);
/// // After a change of the tenant, in the process that makes it:
/// directory.forget(&"acme".parse::<TenantId>()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CachedDirectory<D: Directory> {
    directory: Arc<D>,
    store: Arc<Store<TenantKey, Arc<D::Entry>, D::Error>>,
}

impl<D: Directory> CachedDirectory<D> {
    /// Keeps the answers of `directory`, within the default limits.
    pub fn new(directory: D) -> Self {
        Self::with_limits(directory, CacheLimits::new())
    }

    /// Keeps the answers of `directory`, within these limits.
    pub fn with_limits(directory: D, limits: CacheLimits) -> Self {
        Self {
            directory: Arc::new(directory),
            store: Arc::new(Store::new(limits)),
        }
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
        self.store.forget(|_, entry| entry.record().id == *tenant);
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.store.forget(|_, _| true);
    }
}

impl<D: Directory> Clone for CachedDirectory<D> {
    fn clone(&self) -> Self {
        Self {
            directory: Arc::clone(&self.directory),
            store: Arc::clone(&self.store),
        }
    }
}

impl<D: Directory> fmt::Debug for CachedDirectory<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedDirectory")
            .field("limits", self.store.limits())
            .finish_non_exhaustive()
    }
}

impl<D> Directory for CachedDirectory<D>
where
    D: Directory<Entry: Sync>,
{
    type Entry = Arc<D::Entry>;
    type Error = SharedError<D::Error>;

    async fn find(&self, key: &TenantKey) -> Result<Option<Self::Entry>, Self::Error> {
        let question = async || Ok(self.directory.find(key).await?.map(Arc::new));
        // An answer to another question refuses the request, and the next one asks again.
        let answer = self.store.ask(key, question, |entry| answers_to(&**entry, key));
        answer.await.map_err(SharedError::new)
    }

    fn find_now(&self, key: &TenantKey) -> Option<Option<Self::Entry>> {
        self.store.kept(key)
    }
}

/// A tenant's change is forgotten; of members a directory says nothing.
impl<D> Invalidate for CachedDirectory<D>
where
    D: Directory<Entry: Sync>,
{
    fn invalidate(&self, change: &Change) {
        match change {
            Change::Tenant(tenant) => self.forget(tenant),
            Change::Member { .. } | Change::Subject { .. } => {}
            _ => self.forget_all(),
        }
    }
}

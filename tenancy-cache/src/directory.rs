mod entry;
mod scope;

use std::fmt;
use std::sync::Arc;

use tenancy_core::directory::{Change, Directory, Invalidate, answers_to};
use tenancy_core::names::{TenantId, TenantKey};

pub use self::entry::CachedEntry;
use self::scope::Forgotten;
use crate::store::Store;
use crate::{CacheLimits, SharedError};

/// A directory that caches the answers of another. It is cheap to clone; clones share one cache.
///
/// A hit is cached for 60 s and a miss for 5 s, unless set otherwise. Hits (10,000) and misses (1,000) are bounded
/// apart, so that a flood of unknown names evicts no tenant. Any number of concurrent requests for one key make one
/// look-up.
///
/// A thread that finds a tenant often has it in a cache of its own: it then takes no lock, and writes to no memory that
/// other threads read, however many threads serve the tenant. That is up to 256 tenants for each thread, about 0.1 MiB,
/// beside the shared cache.
///
/// An error is not cached, and is not a miss. Nothing is served after it has expired: if the directory fails then,
/// requests are refused with 503.
///
/// # Security
///
/// A tenant that is suspended, renamed or removed is served as before until its answer expires, or until
/// [`forget`](Self::forget) is called, in each process. The answer of a look-up that was under way then is not cached if it
/// is this tenant. [`follow`](crate::follow) notifies the cache of each change. A change costs the names of its tenant, and
/// leaves the answers for others, however many are cached.
///
/// ```
/// use std::time::Duration;
/// use tenancy_core::directory::MemoryDirectory;
/// use tenancy_core::names::TenantId;
/// use tenancy_cache::{CacheLimits, CachedDirectory};
///
/// # let directory = MemoryDirectory::default();
/// let limits = CacheLimits::new().with_time_to_live(Duration::from_secs(30));
/// let directory = CachedDirectory::builder(directory).with_limits(limits).build();
/// // After a change of the tenant, in the process that makes it:
/// directory.forget(&"acme".parse::<TenantId>()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "invalidation")]
#[doc(alias = "single flight")]
#[doc(alias = "TTL")]
#[doc(alias = "thundering herd")]
pub struct CachedDirectory<D: Directory<Entry: Sync>> {
    directory: Arc<D>,
    store: Arc<Entries<D>>,
}

type Entries<D> = Store<TenantKey, CachedEntry<<D as Directory>::Entry>, Forgotten, <D as Directory>::Error>;

impl<D: Directory<Entry: Sync>> CachedDirectory<D> {
    /// Caches the answers of `directory`, within the default limits.
    pub fn new(directory: D) -> Self {
        Self::builder(directory).build()
    }

    /// Configures a cache of the answers of `directory`.
    pub fn builder(directory: D) -> CachedDirectoryBuilder<D> {
        CachedDirectoryBuilder {
            directory,
            limits: CacheLimits::new(),
        }
    }

    /// The directory whose answers are cached.
    #[must_use]
    pub fn directory(&self) -> &D {
        &self.directory
    }

    /// Forgets a tenant, by all its names, and all misses: one may be a name that the tenant has now. To spare the misses
    /// of others, notify the cache of a [`Change::Tenant`] with the tenant's names, old and new.
    ///
    /// It costs the names of this tenant, however many others are cached. The answer of a look-up that is under way is not
    /// cached if it is this tenant, or none.
    pub fn forget(&self, tenant: &TenantId) {
        self.forget_names(tenant, &[]);
    }

    fn forget_names(&self, tenant: &TenantId, names: &[TenantKey]) {
        self.store.forget(Forgotten::Tenant {
            id: tenant.clone(),
            names: names.into(),
        });
    }

    /// Adds to the counter `tenancy_lookups_total` how look-ups were answered since the last call. Call it every few seconds, or
    /// before metrics are collected.
    #[cfg(feature = "metrics")]
    pub fn record_metrics(&self) {
        self.store.record_metrics("tenants");
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.store.forget(Forgotten::Everything);
    }
}

/// Configures a [`CachedDirectory`].
#[derive(Debug)]
pub struct CachedDirectoryBuilder<D> {
    directory: D,
    limits: CacheLimits,
}

impl<D: Directory<Entry: Sync>> CachedDirectoryBuilder<D> {
    /// Sets how many answers are cached, and for how long. Default: [`CacheLimits::new`].
    #[must_use]
    pub fn with_limits(self, limits: CacheLimits) -> Self {
        Self { limits, ..self }
    }

    /// Builds the cache. It is empty.
    #[must_use]
    pub fn build(self) -> CachedDirectory<D> {
        CachedDirectory {
            directory: Arc::new(self.directory),
            store: Arc::new(Store::new(self.limits)),
        }
    }
}

impl<D: Directory<Entry: Sync>> Clone for CachedDirectory<D> {
    fn clone(&self) -> Self {
        Self {
            directory: Arc::clone(&self.directory),
            store: Arc::clone(&self.store),
        }
    }
}

impl<D: Directory<Entry: Sync>> fmt::Debug for CachedDirectory<D> {
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
    type Entry = CachedEntry<D::Entry>;
    type Error = SharedError<D::Error>;

    async fn find(&self, key: &TenantKey) -> Result<Option<Self::Entry>, Self::Error> {
        let query = async || Ok(self.directory.find(key).await?.map(CachedEntry::new));
        // The entry of another tenant refuses the request. If it were cached, it would refuse those after it, too.
        let answer = self.store.get_or_query(key, query, |entry| answers_to(entry, key));
        answer.await.map_err(SharedError::new)
    }

    fn peek<T>(&self, key: &TenantKey, read: impl FnOnce(Option<&Self::Entry>) -> T) -> Option<T> {
        Some(read(self.store.cached_ref(key)?.as_deref()))
    }
}

/// A changed tenant is forgotten. A directory says nothing about members and settings, so their changes concern it not at all.
impl<D> Invalidate for CachedDirectory<D>
where
    D: Directory<Entry: Sync>,
{
    fn invalidate(&self, change: &Change) {
        match change {
            Change::Tenant { id, names } => self.forget_names(id, names),
            Change::Member { .. } | Change::Subject { .. } | Change::Settings { .. } => {}
            _ => self.forget_all(),
        }
    }
}

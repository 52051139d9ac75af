use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use tenancy_core::{
    Change, Directory, Domain, Invalidate, Lookup, Step, TenantEntry, TenantHandle, TenantId, TenantKey, TenantRecord,
    answers_to,
};

use crate::store::{Own, Store};
use crate::{CacheLimits, SharedError};

/// A directory that keeps the answers of another. Cheap to clone; clones share what is kept.
///
/// A hit is kept for 60 s and a miss for 5 s, unless set otherwise. Hits (10,000) and misses (1,000)
/// have places of their own, so that a flood of unknown names evicts no tenant. Any number of requests
/// that ask for one key at a time are one look-up.
///
/// A thread that finds a tenant often keeps it near: it then takes no lock, and writes to nothing that other threads
/// read, however many are at it. That is up to 256 tenants for each thread, about 0.1 MiB, beside the others.
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
/// use tenancy_cache::{CacheLimits, CachedDirectory};
///
/// # let directory = MemoryDirectory::default();
/// let limits = CacheLimits::new().with_time_to_live(Duration::from_secs(30));
/// let directory = CachedDirectory::with_limits(directory, limits);
/// // After a change of the tenant, in the process that makes it:
/// directory.forget(&"acme".parse::<TenantId>()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CachedDirectory<D: Directory<Entry: Sync>> {
    directory: Arc<D>,
    store: Arc<Store<TenantKey, CachedEntry<D::Entry>, D::Error>>,
}

impl<D: Directory<Entry: Sync>> CachedDirectory<D> {
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
        let question = async || Ok(self.directory.find(key).await?.map(CachedEntry::new));
        // An answer to another question refuses the request, and the next one asks again.
        let answer = self.store.ask(key, question, |entry| answers_to(entry, key));
        answer.await.map_err(SharedError::new)
    }

    fn find_now(&self, key: &TenantKey) -> Option<Option<Self::Entry>> {
        self.store.kept(key)
    }

    fn answer_now<'r>(&self, lookup: Lookup<'r>) -> Result<Step<'r>, Lookup<'r>> {
        match self.store.at_hand(lookup.key()) {
            Some(answer) => Ok(lookup.answered(answer.as_deref())),
            None => Err(lookup),
        }
    }
}

/// An entry of a directory that is kept, with its record ready to be handed on. Cheap to clone.
pub struct CachedEntry<E> {
    entry: Arc<E>,
    handle: TenantHandle,
}

impl<E: TenantEntry> CachedEntry<E> {
    fn new(entry: E) -> Self {
        Self {
            handle: entry.handle(),
            entry: Arc::new(entry),
        }
    }
}

impl<E> Clone for CachedEntry<E> {
    fn clone(&self) -> Self {
        Self {
            entry: Arc::clone(&self.entry),
            handle: self.handle.clone(),
        }
    }
}

/// The record is copied: each request that it admits has it in hand.
impl<E> Own for CachedEntry<E> {
    fn own(&self) -> Self {
        Self {
            entry: Arc::clone(&self.entry),
            handle: TenantRecord::clone(&self.handle).into(),
        }
    }
}

impl<E> Deref for CachedEntry<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.entry
    }
}

impl<E: fmt::Debug> fmt::Debug for CachedEntry<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt(f)
    }
}

impl<E: TenantEntry> TenantEntry for CachedEntry<E> {
    fn record(&self) -> &TenantRecord {
        self.entry.record()
    }

    fn handle(&self) -> TenantHandle {
        self.handle.clone()
    }

    fn has_domain(&self, domain: &Domain) -> bool {
        self.entry.has_domain(domain)
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

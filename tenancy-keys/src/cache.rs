//! A cache in memory whose keys carry the tenant.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use moka::Equivalent;
use moka::future::{Cache, CacheBuilder};
use tenancy_core::enforce::Visit;
use tenancy_core::names::TenantId;

/// The key of a value, with its tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey<K> {
    tenant: TenantId,
    key: K,
}

impl<K> CacheKey<K> {
    /// The key of a tenant.
    #[must_use]
    pub fn new(tenant: &Visit, key: K) -> Self {
        let tenant = tenant.id().clone();
        Self { tenant, key }
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The own key.
    #[must_use]
    pub const fn key(&self) -> &K {
        &self.key
    }
}

/// A key that is looked up. It hashes as a [`CacheKey`] does.
struct Lookup<'l, Q: ?Sized> {
    tenant: &'l TenantId,
    key: &'l Q,
}

impl<Q: Hash + ?Sized> Hash for Lookup<'_, Q> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.tenant.hash(state);
        self.key.hash(state);
    }
}

impl<K: Borrow<Q>, Q: Eq + ?Sized> Equivalent<CacheKey<K>> for Lookup<'_, Q> {
    fn equivalent(&self, other: &CacheKey<K>) -> bool {
        *self.tenant == other.tenant && *self.key == *other.key.borrow()
    }
}

/// A cache of [`moka`] that all tenants share, and of which each sees its own values alone. It is cheap to clone; clones share one
/// cache.
///
/// ```
/// use tenancy_core::enforce::Admitted;
/// use tenancy_keys::TenantCache;
///
/// async fn report(cache: &TenantCache<String, String>, tenant: &Admitted) -> String {
///     let cache = cache.of(tenant);
///     cache.get_with("monthly".to_owned(), async { "a report".to_owned() }).await
/// }
/// ```
///
/// Its capacity is that of all tenants together: a tenant that caches much evicts others' values.
#[doc(alias = "memoize")]
pub struct TenantCache<K, V> {
    cache: Cache<CacheKey<K>, V>,
}

impl<K, V> TenantCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache of so many values, of all tenants together.
    #[must_use]
    pub fn new(max_capacity: u64) -> Self {
        Self::build(Cache::builder().max_capacity(max_capacity))
    }

    /// A cache as a builder of [`moka`] describes it: how long values live, what they weigh, who is notified.
    #[must_use]
    pub fn build(builder: CacheBuilder<CacheKey<K>, V, Cache<CacheKey<K>, V>>) -> Self {
        Self {
            cache: builder.support_invalidation_closures().build(),
        }
    }

    /// The values of one tenant.
    #[must_use]
    pub const fn of<'c>(&'c self, tenant: &'c Visit) -> CacheOfTenant<'c, K, V> {
        CacheOfTenant {
            cache: &self.cache,
            tenant,
        }
    }

    /// Deletes all values of a tenant. None of them is found from now on; the memory is freed by and by.
    ///
    /// A value that is being computed may be inserted after that: archive the tenant first.
    pub fn delete_tenant(&self, tenant: &TenantId) {
        let tenant = tenant.clone();
        let deleted = self.cache.invalidate_entries_if(move |key, _| key.tenant == tenant);
        if deleted.is_err() {
            // It is never refused, since it was asked for when the cache was built. Otherwise nothing may stay.
            self.cache.invalidate_all();
        }
    }

    /// Deletes everything.
    pub fn delete_all(&self) {
        self.cache.invalidate_all();
    }

    /// About how many values there are, of all tenants together. Those that were deleted count until the next
    /// [`run_pending_tasks`](Self::run_pending_tasks).
    #[must_use]
    pub fn entry_count(&self) -> u64 {
        self.cache.entry_count()
    }

    /// Does what the cache would do by and by: removes what has expired, was evicted or deleted.
    pub async fn run_pending_tasks(&self) {
        self.cache.run_pending_tasks().await;
    }
}

impl<K, V> Clone for TenantCache<K, V> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
        }
    }
}

impl<K, V> fmt::Debug for TenantCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantCache").finish_non_exhaustive()
    }
}

/// The values of one tenant in a [`TenantCache`].
pub struct CacheOfTenant<'c, K, V> {
    cache: &'c Cache<CacheKey<K>, V>,
    tenant: &'c Visit,
}

impl<K, V> CacheOfTenant<'_, K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The value, if it is cached.
    pub async fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.cache.get(&self.lookup(key)).await
    }

    /// The value, which is computed if it is not cached: once for all who wait for it.
    pub async fn get_with(&self, key: K, compute: impl Future<Output = V>) -> V {
        self.cache.get_with(CacheKey::new(self.tenant, key), compute).await
    }

    /// As [`get_with`](Self::get_with), where it may fail. A failure is not cached.
    ///
    /// # Errors
    ///
    /// What `compute` fails with, shared by all who wait for it.
    pub async fn try_get_with<E>(&self, key: K, compute: impl Future<Output = Result<V, E>>) -> Result<V, Arc<E>>
    where
        E: Send + Sync + 'static,
    {
        self.cache.try_get_with(CacheKey::new(self.tenant, key), compute).await
    }

    /// Caches a value in place of another.
    pub async fn insert(&self, key: K, value: V) {
        self.cache.insert(CacheKey::new(self.tenant, key), value).await;
    }

    /// Deletes a value. Returns it, if it was cached.
    pub async fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.cache.remove(&self.lookup(key)).await
    }

    fn lookup<'l, Q: ?Sized>(&'l self, key: &'l Q) -> Lookup<'l, Q> {
        let tenant = self.tenant.id();
        Lookup { tenant, key }
    }
}

impl<K, V> fmt::Debug for CacheOfTenant<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheOfTenant")
            .field("tenant", self.tenant.id())
            .finish_non_exhaustive()
    }
}

//! The settings of tenants as a type of the application, cached.

mod cached_settings;
mod error;
#[cfg(feature = "limits")]
mod limits;
mod loading;
mod part;
mod problem;
mod scope;
mod source;
mod value;

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tenancy_core::directory::{Change, Invalidate, SettingsSource};
use tenancy_core::enforce::Visit;
use tenancy_core::names::TenantId;

use self::cached_settings::CachedSettings;
pub use self::cached_settings::CurrentSettings;
pub use self::error::{ReadSettingsError, SettingsSourceError};
use self::loading::Loading;
use self::part::Part;
pub use self::problem::SettingsProblem;
use self::scope::Forgotten;
use self::source::{BoxError, ErasedSource};
use crate::CacheLimits;
use crate::store::Store;

/// The settings of tenants, as the application's type `T` reads them. It is cheap to clone; clones share one cache.
///
/// What a tenant has of its own stands over the type's defaults: give `T` the attribute `#[serde(default)]`, so that a key which
/// is not set has the value of `T::default()`. A key that the type does not have is refused, and so is a value of another type:
/// the problem names the key, and never shows the value.
///
/// Settings are parsed once for each change, and cached within [`CacheLimits`] as the answers of a directory are: for 60 s, 10,000
/// tenants, unless set otherwise. A document has at most 16 KiB. While the store fails, cached settings are served until they
/// expire; then [`of`](Self::of) fails. [`follow`](crate::follow) forgets what has changed.
///
/// ```
/// use serde::Deserialize;
/// use tenancy_cache::{CurrentSettings, ReadSettingsError, TenantSettings};
/// use tenancy_core::enforce::Admitted;
///
/// #[derive(Deserialize)]
/// #[serde(default)]
/// struct Plan {
///     seats: u32,
///     beta: bool,
/// }
///
/// impl Default for Plan {
///     fn default() -> Self {
///         Self { seats: 5, beta: false }
///     }
/// }
///
/// async fn invite(settings: &TenantSettings<Plan>, tenant: &Admitted, members: u32) -> Result<bool, ReadSettingsError> {
///     let plan = settings.of(tenant).await?;
///     Ok(members < plan.seats)
/// }
/// ```
///
/// # Unknown keys
///
/// They are found in structs and struct variants, at any depth. A type that takes other fields in by `#[serde(flatten)]` is
/// refused by [`new`](Self::new), since it would take in every key. Within an enum that is `untagged` or has a `tag`, serde does not
/// say which keys it has ignored: give such an enum `#[serde(deny_unknown_fields)]`.
#[doc(alias = "configuration")]
#[doc(alias = "feature flags")]
pub struct TenantSettings<T: Send + Sync + 'static> {
    inner: Arc<Inner<T>>,
}

struct Inner<T: Send + Sync + 'static> {
    source: Box<dyn ErasedSource>,
    store: Store<TenantId, CachedSettings<T>, Forgotten, BoxError>,
    loading: Loading,
    part: Part,
}

impl<T: Default + DeserializeOwned + Send + Sync + 'static> TenantSettings<T> {
    /// Reads the settings of tenants from `source`, such as a directory in a database, and caches them within the default limits.
    ///
    /// # Errors
    ///
    /// If the type cannot be the settings of a tenant: it is no struct, a key has no default, or it flattens another type.
    pub fn new(source: impl SettingsSource + 'static) -> Result<Self, SettingsProblem> {
        Self::builder(source).build()
    }

    /// Configures the cache of settings that are read from `source`.
    pub fn builder<S: SettingsSource + 'static>(source: S) -> TenantSettingsBuilder<S> {
        TenantSettingsBuilder {
            source,
            limits: CacheLimits::new(),
            part: Part::Whole,
        }
    }

    /// The settings of the tenant to which the caller was admitted, or which they visit.
    ///
    /// # Errors
    ///
    /// If what is stored does not fit the type, the tenant was removed, or the settings cannot be queried and are not cached.
    pub async fn of(&self, tenant: &Visit) -> Result<CurrentSettings<T>, ReadSettingsError> {
        self.read(tenant.id()).await
    }

    /// The settings of a tenant that were read last, without waiting. If they have expired or are not cached, they are read in the
    /// background, once at a time for each tenant, and what is returned is the former ones, or `None`.
    ///
    /// Take it where former settings are better than none, such as for limits. It is also `None` while what is stored does not fit
    /// the type. Outside of a tokio runtime nothing is read.
    ///
    /// # Security
    ///
    /// It is by id, for a limiter, which is called with the tenant of the request. Never call it with an id that a request names: that
    /// is another tenant's settings. In a handler call [`of`](Self::of).
    #[must_use]
    pub fn latest(&self, tenant: &TenantId) -> Option<CurrentSettings<T>> {
        if let Some(cached) = self.inner.store.cached(tenant) {
            return cached?.into_outcome().ok();
        }
        self.load(tenant);
        self.inner.store.last_stored(tenant)?.into_outcome().ok()
    }

    /// Parses an object that is to be the settings of a tenant. Call it before the object is written.
    ///
    /// # Errors
    ///
    /// If it does not fit the type: a key is unknown, or a value is of another type. The problem names the key, and shows no value.
    pub fn check(&self, object: &Map<String, Value>) -> Result<T, SettingsProblem> {
        self.inner.part.parse_object(object)
    }

    /// Forgets the settings of a tenant. What is being read now is not cached.
    pub fn forget(&self, tenant: &TenantId) {
        self.inner.store.forget(Forgotten::Tenant(tenant.clone()));
    }

    /// Adds to the counter `tenancy_lookups_total` how look-ups were answered since the last call. Call it every few seconds, or
    /// before metrics are collected.
    #[cfg(feature = "metrics")]
    pub fn record_metrics(&self) {
        self.inner.store.record_metrics("settings");
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.inner.store.forget(Forgotten::Everything);
    }

    async fn read(&self, tenant: &TenantId) -> Result<CurrentSettings<T>, ReadSettingsError> {
        let Inner {
            source, store, part, ..
        } = &*self.inner;
        let query = async || {
            let document = source.settings_of(tenant).await?;
            Ok(document.map(|document| CachedSettings::parse(tenant.clone(), &document, part)))
        };
        let answer = match store.cached(tenant) {
            Some(cached) => cached,
            None => store
                .get_or_query(tenant, query, |_| true)
                .await
                .map_err(|error| ReadSettingsError::Source(SettingsSourceError(error)))?,
        };
        let tenant = tenant.clone();
        match answer.map(CachedSettings::into_outcome) {
            Some(Ok(settings)) => Ok(settings),
            Some(Err(problem)) => Err(ReadSettingsError::Invalid { tenant, problem }),
            None => Err(ReadSettingsError::UnknownTenant { tenant }),
        }
    }

    /// Reads the settings of a tenant in the background, unless that is under way.
    fn load(&self, tenant: &TenantId) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let Some(loading) = self.inner.loading.begin(tenant) else {
            return;
        };
        let (this, tenant) = (self.clone(), tenant.clone());
        runtime.spawn(async move {
            if let Err(error) = this.read(&tenant).await {
                tracing::warn!(tenant = %tenant, error = &error as &dyn std::error::Error, "failed to read settings");
            }
            drop(loading);
        });
    }
}

/// Parses an object that is to be the settings of a tenant, for a command or a form that has no [`TenantSettings`].
///
/// # Errors
///
/// As [`TenantSettings::check`].
pub fn check_settings<T>(object: &Map<String, Value>) -> Result<T, SettingsProblem>
where
    T: Default + DeserializeOwned + Send + Sync + 'static,
{
    Part::Whole.parse_object(object)
}

/// Parses the value of one key of such an object, as a [`TenantSettings`] does that reads [this key alone](TenantSettingsBuilder::with_key).
///
/// # Errors
///
/// As [`TenantSettings::check`].
pub fn check_settings_key<T>(object: &Map<String, Value>, key: impl Into<String>) -> Result<T, SettingsProblem>
where
    T: Default + DeserializeOwned + Send + Sync + 'static,
{
    Part::Key(key.into()).parse_object(object)
}

/// Configures [`TenantSettings`].
#[derive(Debug)]
pub struct TenantSettingsBuilder<S> {
    source: S,
    limits: CacheLimits,
    part: Part,
}

impl<S: SettingsSource + 'static> TenantSettingsBuilder<S> {
    /// Sets of how many tenants settings are cached, and for how long. A miss is a tenant that does not exist. Default:
    /// [`CacheLimits::new`].
    #[must_use]
    pub fn with_limits(self, limits: CacheLimits) -> Self {
        Self { limits, ..self }
    }

    /// Reads the value of one key alone, an object, as the type. The other keys are those of another type, and are not looked at.
    ///
    /// The type that reads the whole document has a field of this name, since it refuses keys that it does not have.
    #[must_use]
    pub fn with_key(self, key: impl Into<String>) -> Self {
        let part = Part::Key(key.into());
        Self { part, ..self }
    }

    /// Looks whether the type can be the settings of a tenant, and builds the cache, which is empty.
    ///
    /// # Errors
    ///
    /// As [`TenantSettings::new`].
    pub fn build<T>(self) -> Result<TenantSettings<T>, SettingsProblem>
    where
        T: Default + DeserializeOwned + Send + Sync + 'static,
    {
        // Without any key of its own a tenant has what the type says.
        self.part.parse_object::<T>(&Map::new())?;
        Ok(TenantSettings {
            inner: Arc::new(Inner {
                source: Box::new(self.source),
                store: Store::new(self.limits),
                loading: Loading::default(),
                part: self.part,
            }),
        })
    }
}

impl<T: Send + Sync + 'static> Clone for TenantSettings<T> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<T: Send + Sync + 'static> fmt::Debug for TenantSettings<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantSettings").finish_non_exhaustive()
    }
}

/// A tenant whose settings or whose record have changed is forgotten.
impl<T: Default + DeserializeOwned + Send + Sync + 'static> Invalidate for TenantSettings<T> {
    fn invalidate(&self, change: &Change) {
        match change {
            Change::Settings { tenant } | Change::Tenant { id: tenant, .. } => self.forget(tenant),
            Change::Member { .. } | Change::Subject { .. } => {}
            _ => self.forget_all(),
        }
    }
}

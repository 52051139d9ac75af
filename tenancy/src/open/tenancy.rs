//! What a process that serves requests works with.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tenancy_cache::{CacheLimits, LocalChanges, follow};
use tenancy_core::config::EnforcementConfig;
use tenancy_core::directory::{ChangeFeed, Invalidate};
use tenancy_core::enforce::Enforcer;
use tenancy_http::Tenancy;
use tenancy_sqlx::{SqlDirectory, TenantDb};
use tokio::task::AbortHandle;

use super::callers::{Callers, authenticator_of};
use super::data::Data;
use super::database::{OpenDatabase, Opens};
use super::error::{OpenError, OpenFailure, OpenFailures};
use super::lookups::{Authenticates, Lookups};
use super::prepare::{Parts, Rules};
use crate::file::{Check, LimitsPlan};

/// Everything that a configuration describes, running: what [`open`](crate::open) returns. Each part is cheap to clone, and
/// works without the others.
#[non_exhaustive]
pub struct Opened<DB: OpenDatabase> {
    /// The layers for routes. The adapters' own are made of it: `tenancy_axum::Tenancy::from(opened.tenancy.clone())`.
    pub tenancy: Tenancy,
    /// Begins transactions that see one tenant.
    pub db: TenantDb<DB>,
    /// The tenants, their names and their members, past every cache. Without the administrator it can only be read.
    pub directory: SqlDirectory<DB>,
    /// Notifies this process's caches of a change. On PostgreSQL the database does so, for all processes. On SQLite publish
    /// each change of the directory after it is committed.
    pub changes: LocalChanges,
    /// What the database notifies of, delivered to caches that are made later.
    pub(super) notified: LocalChanges,
    pub(super) followers: Mutex<Vec<AbortHandle>>,
}

impl<DB: OpenDatabase> Opened<DB> {
    /// Ends the feed of changes, and closes the databases. The feed also ends with the runtime.
    pub async fn close(&self) {
        for follower in &*self.followers.lock().unwrap_or_else(PoisonError::into_inner) {
            follower.abort();
        }
        self.db.close().await;
        self.directory.close().await;
    }
}

impl<DB: OpenDatabase> fmt::Debug for Opened<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("tenancy", &self.tenancy)
            .field("db", &self.db)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// What of a configuration is about requests.
pub(super) struct Requests<DB: OpenDatabase> {
    enforcer: Enforcer,
    enforcement: EnforcementConfig,
    cache: Option<CacheLimits>,
    limits: Option<LimitsPlan>,
    #[cfg(feature = "metrics")]
    labels_tenants: bool,
    impersonation: bool,
    authenticator: Box<dyn Authenticates<DB>>,
}

impl<DB: OpenDatabase> Requests<DB> {
    fn lookups(
        self,
        directory: SqlDirectory<DB>,
        db: Option<TenantDb<DB>>,
    ) -> (Box<dyn Authenticates<DB>>, Lookups<DB>) {
        let lookups = Lookups {
            enforcer: self.enforcer,
            enforcement: self.enforcement,
            cache: self.cache,
            limits: self.limits,
            #[cfg(feature = "metrics")]
            labels_tenants: self.labels_tenants,
            impersonations: self.impersonation.then(|| directory.clone()),
            directory,
            db,
        };
        (self.authenticator, lookups)
    }

    /// The layers, which query the directory each time.
    pub(super) fn uncached(self, directory: SqlDirectory<DB>) -> Tenancy {
        let uncached = Self { cache: None, ..self };
        let (authenticator, lookups) = uncached.lookups(directory, None);
        authenticator.tenancy(lookups).0
    }
}

/// Reads what of a configuration is about requests.
pub(super) fn requests_of<DB: OpenDatabase>(
    callers: Callers<DB>,
) -> impl FnOnce(&<DB as Opens>::Config, Rules, &mut Check) -> Option<Requests<DB>> + Send {
    |config, rules, check| {
        #[cfg(feature = "metrics")]
        let labels_tenants = callers.labels_tenants;
        let impersonation = callers.impersonation;
        let authenticator = authenticator_of(callers, config, check);
        Some(Requests {
            enforcement: DB::enforcement(config).clone(),
            cache: rules.cache,
            limits: rules.limits,
            #[cfg(feature = "metrics")]
            labels_tenants,
            impersonation,
            enforcer: rules.enforcer?,
            authenticator: authenticator?,
        })
    }
}

/// Reads, checks, opens, and follows changes.
pub(super) async fn open<DB: OpenDatabase>(parts: Parts<DB>, callers: Callers<DB>) -> Result<Opened<DB>, OpenError> {
    let (data, requests) = parts.prepare(true, requests_of(callers)).await?.connect().await?;
    let feed = match DB::feed(&data.reach).await {
        Ok(feed) => feed,
        Err(error) => {
            data.close().await;
            return Err(OpenFailures::new(vec![OpenFailure::new("directory", error)]).into());
        }
    };
    let Data { db, directory, .. } = data;
    let (authenticator, lookups) = requests.lookups(directory.clone(), Some(db.clone()));
    let (tenancy, mut caches) = authenticator.tenancy(lookups);
    // After the caches: a connection that is checked for a change must not find what they have held before it.
    caches.notified.push(Arc::new(tenancy.clone()));
    let changes = LocalChanges::new();
    let mut followers = vec![spawn(changes.subscribe(), &caches.notified)];
    let notified = LocalChanges::new();
    caches.notified.push(Arc::new(notified.clone()));
    followers.extend(feed.map(|feed| spawn(feed, &caches.notified)));
    #[cfg(feature = "metrics")]
    followers.push(caches.record());
    Ok(Opened {
        tenancy,
        db,
        directory,
        changes,
        notified,
        followers: Mutex::new(followers),
    })
}

fn spawn(feed: impl ChangeFeed + 'static, caches: &[Arc<dyn Invalidate>]) -> AbortHandle {
    tokio::spawn(follow(feed, caches.to_vec())).abort_handle()
}

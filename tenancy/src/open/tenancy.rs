//! What a process that serves requests works with.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tenancy_cache::{CacheLimits, CachedAuthorizer, CachedDirectory, LocalChanges, follow};
use tenancy_core::config::EnforcementConfig;
use tenancy_core::directory::{ChangeFeed, Directory, Invalidate};
use tenancy_core::enforce::Enforcer;
use tenancy_http::{Authenticator, PlatformStaff, Tenancy, TenancyBuilder, WithImpersonation};
use tenancy_limits::TenantLimiter;
use tenancy_sqlx::{SqlDirectory, TenantDb};
use tokio::task::AbortHandle;

use super::caches::Caches;
use super::data::Data;
use super::database::{OpenDatabase, Opens};
use super::error::{OpenError, OpenFailure, OpenFailures};
use super::limiter::limiter_of;
use super::prepare::{Parts, Rules};
use crate::file::{Check, LimitsPlan, refuse_unused};

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

/// What code says of who verifies callers.
pub(super) struct Callers<DB: OpenDatabase> {
    pub(super) authenticator: Option<Box<dyn Authenticates<DB>>>,
    /// Whether the authenticator stands in place of the file's issuers, and may be there beside them.
    pub(super) replaces_table: bool,
    /// Whether the busiest tenants are a label of metrics.
    #[cfg(feature = "metrics")]
    pub(super) labels_tenants: bool,
    /// Whether those are let in who have redeemed a grant of impersonation.
    pub(super) impersonation: bool,
    #[cfg(feature = "jwt")]
    pub(super) payload: Option<crate::file::WithPayload>,
}

impl<DB: OpenDatabase> Default for Callers<DB> {
    fn default() -> Self {
        Self {
            authenticator: None,
            replaces_table: false,
            #[cfg(feature = "metrics")]
            labels_tenants: false,
            impersonation: false,
            #[cfg(feature = "jwt")]
            payload: None,
        }
    }
}

/// Who verifies callers: what code gives, or the issuers of the file.
fn authenticator_of<DB: OpenDatabase>(
    callers: Callers<DB>,
    config: &<DB as Opens>::Config,
    check: &mut Check,
) -> Option<Box<dyn Authenticates<DB>>> {
    let table = DB::jwt(config);
    if let Some(authenticator) = callers.authenticator {
        if callers.replaces_table {
            check_table::<DB>(config, check);
            return Some(authenticator);
        }
        refuse_unused(table, check);
        #[cfg(feature = "jwt")]
        if callers.payload.is_some() {
            check.missing(
                "jwt",
                "`with_payload` is about tokens of the table `[jwt]`, and `with_authenticator` verifies callers: remove one of \
                the two; an authenticator of your own supplies payloads by `Claims::with_payload`",
            );
        }
        return Some(authenticator);
    }
    #[cfg(feature = "jwt")]
    if let Some(table) = table {
        let verifier = crate::file::build_verifier(table, &DB::tenancy(config), callers.payload, check)?;
        return Some(Box::new(Issuers(Arc::new(verifier))));
    }
    check.missing(
        "jwt",
        "nothing says who callers are: add a table `[jwt]`, or call `with_authenticator`; a process without HTTP calls \
        `without_http`",
    );
    None
}

/// Notes what is wrong with the issuers of the file, which are not used.
fn check_table<DB: OpenDatabase>(config: &<DB as Opens>::Config, check: &mut Check) {
    #[cfg(feature = "jwt")]
    if let Some(table) = DB::jwt(config) {
        crate::file::build_verifier(table, &DB::tenancy(config), None, check);
    }
    #[cfg(not(feature = "jwt"))]
    let _ = (config, check);
}

/// How requests look tenants and members up.
pub(super) struct Lookups<DB: OpenDatabase> {
    enforcer: Enforcer,
    enforcement: EnforcementConfig,
    cache: Option<CacheLimits>,
    limits: Option<LimitsPlan>,
    #[cfg(feature = "metrics")]
    labels_tenants: bool,
    /// Where sessions of impersonation are looked up, if they are let in: past every cache.
    impersonations: Option<SqlDirectory<DB>>,
    directory: SqlDirectory<DB>,
    /// Whose data connections that stay open look at.
    db: Option<TenantDb<DB>>,
}

/// An authenticator whose type is erased.
pub(super) trait Authenticates<DB: OpenDatabase>: Send + Sync {
    fn tenancy(self: Box<Self>, lookups: Lookups<DB>) -> (Tenancy, Caches);
}

/// An authenticator of the application's.
pub(super) struct With<A>(pub(super) A);

impl<DB: OpenDatabase, A: Authenticator + 'static> Authenticates<DB> for With<A> {
    fn tenancy(self: Box<Self>, lookups: Lookups<DB>) -> (Tenancy, Caches) {
        build(self.0, lookups)
    }
}

/// The issuers of the file. They remember tokens that they have verified.
#[cfg(feature = "jwt")]
struct Issuers(Arc<tenancy_jwt::TokenVerifier>);

#[cfg(feature = "jwt")]
impl<DB: OpenDatabase> Authenticates<DB> for Issuers {
    fn tenancy(self: Box<Self>, lookups: Lookups<DB>) -> (Tenancy, Caches) {
        let (tenancy, mut caches) = build(Arc::clone(&self.0), lookups);
        caches.notified.push(self.0);
        (tenancy, caches)
    }
}

fn build<DB: OpenDatabase>(authenticator: impl Authenticator + 'static, lookups: Lookups<DB>) -> (Tenancy, Caches) {
    let Lookups {
        enforcer,
        enforcement,
        cache,
        limits,
        #[cfg(feature = "metrics")]
        labels_tenants,
        impersonations,
        directory,
        db,
    } = lookups;
    let authenticator = WithImpersonation::if_some(impersonations.clone(), authenticator);
    let mut caches = Caches::default();
    let limiter = limits.map(|limits| limiter_of(limits, cache.as_ref(), &directory, &mut caches));
    let Some(cache) = cache else {
        let members = PlatformStaff::or_else(enforcement.authorizer(directory.clone()));
        let members = WithImpersonation::if_some(impersonations, members);
        let tenancy = Tenancy::builder(enforcer, authenticator, directory).with_authorizer(members);
        let tenancy = looking_at(tenancy, db);
        #[cfg(feature = "metrics")]
        let tenancy = labelled(tenancy, labels_tenants);
        return (limited(tenancy, limiter), caches);
    };
    let members = CachedAuthorizer::builder(directory.clone())
        .with_limits(cache.clone())
        .build();
    let directory = CachedDirectory::builder(directory).with_limits(cache).build();
    caches.add(members.clone());
    caches.add(directory.clone());
    let members = PlatformStaff::or_else(enforcement.authorizer(members));
    let members = WithImpersonation::if_some(impersonations, members);
    let tenancy = Tenancy::builder(enforcer, authenticator, directory).with_authorizer(members);
    let tenancy = looking_at(tenancy, db);
    #[cfg(feature = "metrics")]
    let tenancy = labelled(tenancy, labels_tenants);
    (limited(tenancy, limiter), caches)
}

/// Has connections that stay open end when their tenant's data is behind.
fn looking_at<N, D, DB: OpenDatabase>(
    tenancy: TenancyBuilder<Tenancy, N, D>,
    db: Option<TenantDb<DB>>,
) -> TenancyBuilder<Tenancy, N, D>
where
    N: Authenticator + 'static,
    D: Directory + 'static,
{
    match db {
        Some(db) => tenancy.with_data_check(move |visit| {
            let db = db.clone();
            async move { db.is_behind(&visit).await }
        }),
        None => tenancy,
    }
}

#[cfg(feature = "metrics")]
fn labelled<N, D>(tenancy: TenancyBuilder<Tenancy, N, D>, labels_tenants: bool) -> TenancyBuilder<Tenancy, N, D>
where
    N: Authenticator + 'static,
    D: Directory + 'static,
{
    if labels_tenants {
        tenancy.with_tenant_label()
    } else {
        tenancy
    }
}

fn limited<N, D>(tenancy: TenancyBuilder<Tenancy, N, D>, limiter: Option<TenantLimiter>) -> Tenancy
where
    N: Authenticator + 'static,
    D: Directory + 'static,
{
    match limiter {
        Some(limiter) => tenancy.with_limits(limiter).build(),
        None => tenancy.build(),
    }
}

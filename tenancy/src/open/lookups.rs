//! How requests look tenants and members up, made the layers.

#[cfg(feature = "jwt")]
use std::sync::Arc;

use tenancy_cache::{CacheLimits, CachedAuthorizer, CachedDirectory};
use tenancy_core::config::EnforcementConfig;
use tenancy_core::directory::Directory;
use tenancy_core::enforce::Enforcer;
use tenancy_http::{Authenticator, PlatformStaff, Tenancy, TenancyBuilder, WithImpersonation};
use tenancy_limits::TenantLimiter;
use tenancy_sqlx::{SqlDirectory, TenantDb};

use super::caches::Caches;
use super::database::OpenDatabase;
use super::limiter::limiter_of;
use crate::file::LimitsPlan;

/// How requests look tenants and members up.
pub(super) struct Lookups<DB: OpenDatabase> {
    pub(super) enforcer: Enforcer,
    pub(super) enforcement: EnforcementConfig,
    pub(super) cache: Option<CacheLimits>,
    pub(super) limits: Option<LimitsPlan>,
    #[cfg(feature = "metrics")]
    pub(super) labels_tenants: bool,
    /// Where sessions of impersonation are looked up, if they are let in: past every cache.
    pub(super) impersonations: Option<SqlDirectory<DB>>,
    pub(super) directory: SqlDirectory<DB>,
    /// Whose data connections that stay open look at.
    pub(super) db: Option<TenantDb<DB>>,
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
pub(super) struct Issuers(pub(super) Arc<tenancy_jwt::TokenVerifier>);

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

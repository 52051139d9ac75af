mod caller;
mod scope;

use std::fmt;
use std::sync::Arc;

use tenancy_core::directory::{Authorizer, Change, Decision, Invalidate};
use tenancy_core::enforce::Authorize;
use tenancy_core::names::{Subject, TenantId};

use self::caller::{Caller, Known, Question};
use self::scope::Forgotten;
use crate::store::Store;
use crate::{CacheLimits, SharedError};

/// An authorizer that caches the decisions of another, by tenant, issuer and subject. It is cheap to clone; clones share
/// one cache.
///
/// As with a [`CachedDirectory`](crate::CachedDirectory), an admission is cached for 60 s and a denial for 5 s, unless
/// set otherwise; concurrent requests of one caller for one tenant make one query; an error is not cached, and nothing
/// is served after it has expired. Staff of the platform is never admitted from the cache, and such an admission is
/// never cached.
///
/// # Security
///
/// Use it only for an authorizer that decides by these three, such as a directory of members. If the authorizer looks at
/// other claims, at the time or at a policy, its answer to one request would be given to another.
///
/// A removed member is admitted until the answer expires, or until [`forget`](Self::forget) is called, in each process.
/// [`follow`](crate::follow) calls it for each change.
#[doc(alias = "revocation")]
#[doc(alias = "single flight")]
pub struct CachedAuthorizer<A: Authorizer> {
    authorizer: Arc<A>,
    store: Arc<Store<Caller, Known, Forgotten, A::Error>>,
}

impl<A: Authorizer> CachedAuthorizer<A> {
    /// Caches the decisions of `authorizer`, within the default limits.
    pub fn new(authorizer: A) -> Self {
        Self::builder(authorizer).build()
    }

    /// Configures a cache of the decisions of `authorizer`.
    pub fn builder(authorizer: A) -> CachedAuthorizerBuilder<A> {
        CachedAuthorizerBuilder {
            authorizer,
            limits: CacheLimits::new(),
        }
    }

    /// Forgets what is known of a subject in a tenant, denials too.
    ///
    /// It costs what is cached of them, however many others are. The answer of a query for them that is under way is not
    /// cached.
    pub fn forget(&self, tenant: &TenantId, subject: &Subject) {
        self.store.forget(Forgotten::Member {
            tenant: tenant.clone(),
            subject: subject.clone(),
        });
    }

    /// Forgets what is known of a tenant's members, denials too.
    pub fn forget_tenant(&self, tenant: &TenantId) {
        self.store.forget(Forgotten::Tenant(tenant.clone()));
    }

    /// Forgets what is known of a subject in all tenants, denials too. Without an issuer, the subject of that name of every
    /// issuer is forgotten. A caller without an issuer may be any issuer's, and is forgotten too.
    pub fn forget_subject(&self, issuer: Option<&str>, subject: &Subject) {
        self.store.forget(Forgotten::Subject {
            issuer: issuer.map(Into::into),
            subject: subject.clone(),
        });
    }

    /// Adds to the counter `tenancy_lookups_total` how look-ups were answered since the last call. Call it every few seconds, or
    /// before metrics are collected.
    #[cfg(feature = "metrics")]
    pub fn record_metrics(&self) {
        self.store.record_metrics("members");
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.store.forget(Forgotten::Everything);
    }
}

/// Configures a [`CachedAuthorizer`].
#[derive(Debug)]
pub struct CachedAuthorizerBuilder<A> {
    authorizer: A,
    limits: CacheLimits,
}

impl<A: Authorizer> CachedAuthorizerBuilder<A> {
    /// Sets how many decisions are cached, and for how long. A miss is a denial. Default: [`CacheLimits::new`].
    #[must_use]
    pub fn with_limits(self, limits: CacheLimits) -> Self {
        Self { limits, ..self }
    }

    /// Builds the cache. It is empty.
    #[must_use]
    pub fn build(self) -> CachedAuthorizer<A> {
        CachedAuthorizer {
            authorizer: Arc::new(self.authorizer),
            store: Arc::new(Store::new(self.limits)),
        }
    }
}

impl<A: Authorizer> Clone for CachedAuthorizer<A> {
    fn clone(&self) -> Self {
        Self {
            authorizer: Arc::clone(&self.authorizer),
            store: Arc::clone(&self.store),
        }
    }
}

impl<A: Authorizer> fmt::Debug for CachedAuthorizer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedAuthorizer")
            .field("limits", self.store.limits())
            .finish_non_exhaustive()
    }
}

impl<A: Authorizer> Authorizer for CachedAuthorizer<A> {
    type Error = SharedError<A::Error>;

    async fn authorize(&self, question: &Authorize<'_>) -> Result<Decision, Self::Error> {
        if question.claims().is_platform_staff() {
            let decision = self.authorizer.authorize(question).await;
            return decision.map_err(|error| SharedError::new(Arc::new(error)));
        }
        let caller = Question::of(question).to_caller();
        let query = async || match self.authorizer.authorize(question).await? {
            Decision::Deny => Ok(None),
            decision => Ok(Some(Known::new(caller.clone(), decision))),
        };
        let is_member = |known: &Known| matches!(known.decision(), Decision::Allow(_));
        let answer = self.store.get_or_query(&caller, query, is_member).await;
        answer.map(decision).map_err(SharedError::new)
    }

    fn authorize_now(&self, question: &Authorize<'_>) -> Option<Decision> {
        if question.claims().is_platform_staff() {
            return self.authorizer.authorize_now(question);
        }
        self.store.cached(&Question::of(question)).map(decision)
    }
}

impl<A: Authorizer> Invalidate for CachedAuthorizer<A> {
    fn invalidate(&self, change: &Change) {
        match change {
            Change::Tenant { id, .. } => self.forget_tenant(id),
            Change::Member { tenant, subject } => self.forget(tenant, subject),
            Change::Subject { issuer, subject } => self.forget_subject(issuer.as_deref(), subject),
            Change::Settings { .. } => {}
            _ => self.forget_all(),
        }
    }
}

fn decision(cached: Option<Known>) -> Decision {
    cached.map_or(Decision::Deny, |known| known.decision().clone())
}

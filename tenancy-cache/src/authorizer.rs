use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quick_cache::Equivalent;
use tenancy_core::directory::{Authorizer, Change, Decision, Invalidate};
use tenancy_core::enforce::Authorize;
use tenancy_core::names::{Subject, TenantId};
use tenancy_core::request::VerifiedClaims;

use crate::store::{Store, Unshare};
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
    store: Arc<Store<Caller, Decision, A::Error>>,
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

    /// Forgets what is known of a subject in a tenant, and all denials.
    ///
    /// The answer of a query that is under way is not cached.
    pub fn forget(&self, tenant: &TenantId, subject: &Subject) {
        self.store.forget(
            |caller, _| caller.tenant == *tenant && caller.subject == *subject,
            |_| true,
        );
    }

    /// Forgets what is known of a tenant's members, and all denials.
    pub fn forget_tenant(&self, tenant: &TenantId) {
        self.store.forget(|caller, _| caller.tenant == *tenant, |_| true);
    }

    /// Forgets what is known of a subject in all tenants, and all denials. Without an issuer, the subject of that name of
    /// every issuer is forgotten. A caller without an issuer may be any issuer's, and is forgotten too.
    pub fn forget_subject(&self, issuer: Option<&str>, subject: &Subject) {
        let is_subject = |caller: &Caller| {
            let is_issuers = issuer.is_none() || caller.issuer.is_none() || caller.issuer.as_deref() == issuer;
            is_issuers && caller.subject == *subject
        };
        self.store.forget(|caller, _| is_subject(caller), |_| true);
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.store.forget(|_, _| true, |_| true);
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
        let query = async || match self.authorizer.authorize(question).await? {
            Decision::Deny => Ok(None),
            allowed => Ok(Some(allowed)),
        };
        let is_member = |decision: &Decision| matches!(decision, Decision::Allow(_));
        if question.claims().is_platform_staff() {
            let decision = self.authorizer.authorize(question).await;
            return decision.map_err(|error| SharedError::new(Arc::new(error)));
        }
        let caller = Question::of(question).to_caller();
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
            _ => self.forget_all(),
        }
    }
}

impl Unshare for Decision {
    fn unshare(&self) -> Self {
        match self {
            Self::Allow(roles) => Self::Allow(roles.iter().cloned().collect()),
            Self::AllowStaff => Self::AllowStaff,
            Self::Deny => Self::Deny,
        }
    }
}

fn decision(cached: Option<Decision>) -> Decision {
    cached.unwrap_or(Decision::Deny)
}

/// Whose membership in which tenant is in question.
#[derive(Clone, PartialEq, Eq)]
struct Caller {
    tenant: TenantId,
    issuer: Option<Arc<str>>,
    subject: Subject,
}

impl Hash for Caller {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let question = Question {
            tenant: &self.tenant,
            issuer: self.issuer.as_deref(),
            subject: &self.subject,
        };
        question.hash(state);
    }
}

/// A caller that is borrowed from the question, so that a hit allocates nothing.
#[derive(Hash)]
struct Question<'a> {
    tenant: &'a TenantId,
    issuer: Option<&'a str>,
    subject: &'a Subject,
}

impl<'a> Question<'a> {
    fn of(question: &'a Authorize<'_>) -> Self {
        let claims: &dyn VerifiedClaims = question.claims();
        Self {
            tenant: &question.tenant().id,
            issuer: claims.issuer(),
            subject: claims.subject(),
        }
    }

    fn to_caller(&self) -> Caller {
        Caller {
            tenant: self.tenant.clone(),
            issuer: self.issuer.map(Into::into),
            subject: self.subject.clone(),
        }
    }
}

impl Equivalent<Caller> for Question<'_> {
    fn equivalent(&self, caller: &Caller) -> bool {
        *self.tenant == caller.tenant && self.issuer == caller.issuer.as_deref() && *self.subject == caller.subject
    }
}

//! Whose membership is cached, and the decision on it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use foldhash::quality::RandomState;
use quick_cache::Equivalent;
use tenancy_core::directory::Decision;
use tenancy_core::enforce::Authorize;
use tenancy_core::names::{Subject, TenantId};
use tenancy_core::request::VerifiedClaims;

use crate::group::{Group, Grouped, Groups};
use crate::store::{Matches, Unshare};

/// Whose membership in which tenant is in question.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) tenant: TenantId,
    pub(super) issuer: Option<Arc<str>>,
    pub(super) subject: Subject,
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
pub(super) struct Question<'a> {
    tenant: &'a TenantId,
    issuer: Option<&'a str>,
    subject: &'a Subject,
}

impl<'a> Question<'a> {
    pub(super) fn of(question: &'a Authorize<'_>) -> Self {
        let claims: &dyn VerifiedClaims = question.claims();
        Self {
            tenant: &question.tenant().id,
            issuer: claims.issuer(),
            subject: claims.subject(),
        }
    }

    pub(super) fn to_caller(&self) -> Caller {
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

/// A decision that is cached, and on whom.
#[derive(Clone)]
pub(super) struct Known(Arc<Decided>);

struct Decided {
    caller: Caller,
    decision: Decision,
}

impl Known {
    pub(super) fn new(caller: Caller, decision: Decision) -> Self {
        Self(Arc::new(Decided { caller, decision }))
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.0.caller
    }

    pub(super) fn decision(&self) -> &Decision {
        &self.0.decision
    }
}

/// The roles are copied: each request that is admitted holds them.
impl Unshare for Known {
    fn unshare(&self) -> Self {
        let decision = match &self.0.decision {
            Decision::Allow(roles) => Decision::Allow(roles.iter().cloned().collect()),
            Decision::AllowStaff => Decision::AllowStaff,
            Decision::Deny => Decision::Deny,
        };
        Self::new(self.0.caller.clone(), decision)
    }
}

impl Grouped for Known {
    fn groups(&self, hasher: &RandomState) -> Groups {
        self.0.caller.groups(hasher)
    }
}

impl Matches<Known> for Question<'_> {
    fn matches(&self, known: &Known) -> bool {
        self.equivalent(&known.0.caller)
    }
}

impl Matches<Known> for Caller {
    fn matches(&self, known: &Known) -> bool {
        *self == known.0.caller
    }
}

impl Grouped for Caller {
    fn groups(&self, hasher: &RandomState) -> Groups {
        let (tenant, subject) = (&self.tenant, &self.subject);
        Groups::three([
            Group::new(hasher, tenant),
            Group::new(hasher, ("subject", subject)),
            Group::new(hasher, ("member", tenant, subject)),
        ])
    }
}

//! What a change of a tenant, a member or a subject puts out of date.

use std::sync::Arc;

use foldhash::quality::RandomState;
use tenancy_core::names::{Subject, TenantId};

use super::caller::{Caller, Known};
use crate::group::Group;
use crate::store::Scope;

/// What is forgotten of an authorizer.
pub(super) enum Forgotten {
    Tenant(TenantId),
    Member { tenant: TenantId, subject: Subject },
    Subject { issuer: Option<Arc<str>>, subject: Subject },
    Everything,
}

impl Forgotten {
    fn covers_caller(&self, caller: &Caller) -> bool {
        match self {
            Self::Tenant(tenant) => caller.tenant == *tenant,
            Self::Member { tenant, subject } => caller.tenant == *tenant && caller.subject == *subject,
            Self::Subject { issuer, subject } => {
                let is_issuers = issuer.is_none() || caller.issuer.is_none() || caller.issuer == *issuer;
                is_issuers && caller.subject == *subject
            }
            Self::Everything => true,
        }
    }
}

/// All is known of whom it concerns: no answer to another caller is forgotten.
impl Scope<Caller, Known> for Forgotten {
    fn group(&self, hasher: &RandomState) -> Option<Group> {
        match self {
            Self::Tenant(tenant) => Some(Group::new(hasher, tenant)),
            Self::Member { tenant, subject } => Some(Group::new(hasher, ("member", tenant, subject))),
            Self::Subject { subject, .. } => Some(Group::new(hasher, ("subject", subject))),
            Self::Everything => None,
        }
    }

    fn names(&self) -> impl Iterator<Item = Caller> {
        std::iter::empty()
    }

    fn covers_all_misses(&self) -> bool {
        matches!(self, Self::Everything)
    }

    fn covers_value(&self, known: &Known) -> bool {
        self.covers_caller(known.caller())
    }

    fn may_cover(&self, caller: &Caller) -> bool {
        self.covers_caller(caller)
    }

    fn covers(&self, caller: &Caller, _: Option<&Known>) -> bool {
        self.covers_caller(caller)
    }
}

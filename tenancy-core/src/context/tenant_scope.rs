//! What a task or a request is bound to.

use std::boxed::Box;
use std::sync::Arc;

use crate::enforce::{Admitted, Caller, Cause, Outcome, Rejection, Visit};

/// The outcome of enforcement that a task or a request is bound to: a tenant with a capability, or none. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantScope(Arc<Bound>);

/// The two dimensions of a scope.
#[derive(Debug, PartialEq, Eq)]
struct Bound {
    outcome: Outcome,
    /// The caller, where the outcome has none or knows less of them. Boxed, since it is large and rarely there.
    caller: Option<Box<Caller>>,
}

impl TenantScope {
    /// What enforcement came to.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.0.outcome
    }

    /// The caller on whose behalf the request is served, if one was verified: a member, a caller of a route without a
    /// tenant, and the caller that another layer has verified around a visit.
    #[must_use]
    pub fn caller(&self) -> Option<&Caller> {
        self.0.caller.as_deref().or_else(|| self.outcome().caller())
    }

    /// The member's capability, where there is one.
    #[must_use]
    pub fn admitted(&self) -> Option<&Admitted> {
        match self.outcome() {
            Outcome::Admitted(admitted) => Some(admitted),
            _ => None,
        }
    }

    /// A visitor's capability: a visit, or the lesser half of a member's.
    #[must_use]
    pub fn visit(&self) -> Option<Visit> {
        match self.outcome() {
            Outcome::Admitted(admitted) => Some(admitted.to_visit()),
            Outcome::Visit(visit) => Some(visit.clone()),
            Outcome::NoTenant | Outcome::Authenticated(_) => None,
        }
    }

    /// An outcome, and the caller beside it: one that was verified where the outcome has no room for them.
    #[must_use]
    pub fn new(outcome: Outcome, caller: Option<Caller>) -> Self {
        let caller = caller.map(Box::new);
        Self(Arc::new(Bound { outcome, caller }))
    }

    /// What holds where one layer stands inside another: `self` is the inner one's scope.
    ///
    /// The tenant is confirmed or narrowed, as [`Outcome::within`] says. All layers that verify a caller must verify the
    /// same one: the same subject, of the same issuer. What one of them knows does not get lost.
    ///
    /// # Errors
    ///
    /// Where the inner layer contradicts the outer one, about the tenant or about the caller.
    pub fn within(self, outer: &Self) -> Result<Self, Rejection> {
        let caller = match (outer.caller(), self.caller()) {
            (Some(outer), Some(inner)) if !inner.is_same(outer) => {
                return Err(Rejection::new(Cause::CallerReplaced));
            }
            (Some(outer), Some(inner)) if outer.issuer().is_none() => Some(inner),
            (outer, inner) => outer.or(inner),
        };
        let outcome = self.outcome().clone().within(outer.outcome())?;
        let beside = caller.filter(|caller| outcome.caller() != Some(*caller)).cloned();
        Ok(Self::new(outcome, beside))
    }
}

impl From<Outcome> for TenantScope {
    fn from(outcome: Outcome) -> Self {
        Self(Arc::new(Bound { outcome, caller: None }))
    }
}

impl From<Admitted> for TenantScope {
    fn from(admitted: Admitted) -> Self {
        Outcome::Admitted(admitted).into()
    }
}

impl From<Visit> for TenantScope {
    fn from(visit: Visit) -> Self {
        Outcome::Visit(visit).into()
    }
}

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
            (Some(outer), Some(inner)) if outer.issuer().is_none() => Some(inner.clone().bound_as(outer)),
            (Some(outer), Some(inner)) => Some(outer.clone().bound_as(inner)),
            (outer, inner) => outer.or(inner).cloned(),
        };
        let outcome = self.outcome().clone().within(outer.outcome())?;
        let beside = caller.filter(|caller| outcome.caller() != Some(caller));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::TenantRecord;
    use crate::names::TenantKey;
    use crate::request::Claims;

    fn tenant(id: &str) -> TenantRecord {
        TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())
    }

    /// The scope of a caller whose issuer is bound to these tenants, if to any.
    fn caller(issuer: Option<&'static str>, bound: Option<&[&str]>) -> TenantScope {
        let mut claims = Claims::new("alice".parse().unwrap());
        if let Some(issuer) = issuer {
            claims = claims.with_issuer(issuer);
        }
        if let Some(bound) = bound {
            let keys = bound.iter().map(|id| TenantKey::Id(id.parse().unwrap()));
            claims = claims.with_issuer_tenants(keys.collect());
        }
        Outcome::Authenticated(Caller::of(&claims)).into()
    }

    #[test]
    fn an_issuer_speaks_for_no_tenant_that_one_of_the_layers_binds_it_off() {
        let (free, ab, bc): (Option<&[&str]>, _, _) = (None, Some(&["a", "b"][..]), Some(&["b", "c"][..]));
        for (outer, inner, expected) in [
            (free, free, [true, true, true]),
            (free, ab, [true, true, false]),
            (ab, free, [true, true, false]),
            (ab, ab, [true, true, false]),
            (ab, bc, [false, true, false]),
            (bc, Some(&["a"][..]), [false, false, false]),
        ] {
            for issuers in [
                [Some("i"), Some("i")],
                [None, Some("i")],
                [Some("i"), None],
                [None, None],
            ] {
                let outer_scope = caller(issuers[0], outer);
                let inner_scope = caller(issuers[1], inner);
                let both = inner_scope.within(&outer_scope).unwrap();
                // A third layer changes nothing that the first two have found.
                let all = caller(issuers[1], inner).within(&both).unwrap();
                for scope in [both, all] {
                    let caller = scope.caller().unwrap();
                    let speaks_for = ["a", "b", "c"].map(|id| caller.may_speak_for(&tenant(id)));
                    assert_eq!(speaks_for, expected, "{inner:?} in {outer:?} by {issuers:?}");
                    assert_eq!(caller.issuer().is_some(), issuers.iter().any(Option::is_some));
                }
            }
        }
    }

    #[test]
    fn three_layers_are_no_way_around_the_issuer() {
        let by = |issuer| caller(issuer, None);
        let both = by(Some("i")).within(&by(None)).unwrap();
        assert!(by(Some("j")).within(&both).is_err());
        let both = by(None).within(&by(Some("i"))).unwrap();
        assert!(by(Some("j")).within(&both).is_err());
    }
}

//! What a layer tells `tracing` (feature `spans`) and `metrics` (feature `metrics`) of each decision. Without the features it
//! is nothing.

use tenancy_core::context::TenantScope;
use tenancy_core::enforce::{Access, Rejection};

use super::guard::RequestGuard;

/// A decision that is being made.
pub(super) struct Observation {
    #[cfg(feature = "metrics")]
    begun: std::time::Instant,
    #[cfg(feature = "metrics")]
    access: Access,
    #[cfg(feature = "spans")]
    span: tracing::Span,
}

impl Observation {
    #[cfg_attr(
        not(any(feature = "metrics", feature = "spans")),
        expect(clippy::missing_const_for_fn, reason = "with the features it is not")
    )]
    pub(super) fn begin(access: Access) -> Self {
        #[cfg(not(any(feature = "metrics", feature = "spans")))]
        let _ = access;
        Self {
            #[cfg(feature = "metrics")]
            begun: std::time::Instant::now(),
            #[cfg(feature = "metrics")]
            access,
            #[cfg(feature = "spans")]
            span: spans::admit(access),
        }
    }

    /// Runs the decision in its span.
    #[cfg(feature = "spans")]
    pub(super) fn watch<F: Future>(&self, decision: F) -> impl Future<Output = F::Output> + use<F> {
        tracing::Instrument::instrument(decision, self.span.clone())
    }

    /// The decision is made. What is served gets a span for its guard.
    #[cfg_attr(
        not(any(feature = "metrics", feature = "spans")),
        expect(clippy::unused_self, reason = "with the features it is used")
    )]
    pub(super) fn end(self, scope: &Result<TenantScope, Rejection>, guard: &mut RequestGuard) {
        #[cfg(feature = "metrics")]
        super::metrics::record(self.access, self.begun.elapsed(), scope);
        #[cfg(feature = "spans")]
        {
            spans::decided(&self.span, scope);
            if let Ok(scope) = scope {
                guard.span = spans::request(scope);
            }
        }
        #[cfg(not(any(feature = "metrics", feature = "spans")))]
        let _ = scope;
        #[cfg(not(feature = "spans"))]
        let _ = guard;
    }
}

#[cfg(feature = "spans")]
mod spans {
    use tenancy_core::context::TenantScope;
    use tenancy_core::enforce::{Access, Outcome, Rejection, Visit};
    use tracing::Span;
    use tracing::field::Empty;

    use crate::layer::labels::{access_label, outcome_label};

    /// The span of a decision.
    pub(super) fn admit(access: Access) -> Span {
        tracing::debug_span!(
            target: "tenancy",
            "tenancy.admit",
            access = access_label(access),
            outcome = Empty,
            code = Empty,
            tenant = Empty,
        )
    }

    pub(super) fn decided(span: &Span, scope: &Result<TenantScope, Rejection>) {
        if span.is_disabled() {
            return;
        }
        span.record("outcome", outcome_label(scope));
        match scope {
            Ok(scope) => {
                if let Some(visit) = visit(scope.outcome()) {
                    span.record("tenant", visit.id().as_str());
                }
            }
            Err(rejection) => drop(span.record("code", rejection.code())),
        }
    }

    /// The span that the code of a request runs in, once it is bound to a tenant.
    pub(super) fn request(scope: &TenantScope) -> Span {
        let Some(visit) = visit(scope.outcome()) else {
            return Span::none();
        };
        let tenant = visit.tenant();
        tracing::info_span!(
            target: "tenancy",
            "tenancy.request",
            tenant = tenant.id.as_str(),
            strategy = tenant.strategy.as_str(),
            placement = tenant.placement.as_ref().map(|placement| placement.as_str()),
            resolver = visit.resolver().as_str(),
            actor = actor(scope.outcome()),
        )
    }

    /// Who acts in the member's place.
    fn actor(outcome: &Outcome) -> Option<&str> {
        let Outcome::Admitted(admitted) = outcome else {
            return None;
        };
        admitted.actor().map(|actor| actor.subject().as_str())
    }

    fn visit(outcome: &Outcome) -> Option<&Visit> {
        match outcome {
            Outcome::Admitted(admitted) => Some(admitted),
            Outcome::Visit(visit) => Some(visit),
            _ => None,
        }
    }
}

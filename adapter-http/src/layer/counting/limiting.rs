//! What a layer counts of tenants. Without the feature `limits` it is nothing.

use http::Extensions;
use tenancy_core::context::TenantScope;
use tenancy_core::enforce::Rejection;

use crate::layer::guard::RequestGuard;

#[cfg(feature = "limits")]
pub(crate) use self::counted::Limiting;
#[cfg(not(feature = "limits"))]
pub(crate) use self::unlimited::Limiting;

#[cfg(feature = "limits")]
mod counted {
    use std::sync::Arc;

    use tenancy_core::enforce::{Cause, Standing};
    use tenancy_core::names::TenantId;
    use tenancy_limits::{LimitExceeded, Permit, TenantLimiter};

    use super::{Extensions, Rejection, RequestGuard, TenantScope};

    /// Who counts, if anyone does.
    pub(crate) struct Limiting(pub(crate) Option<Arc<TenantLimiter>>);

    /// The extension that says which tenant a request has been counted for. It outlasts the route that a framework leaves to
    /// try the next one: the request is one all the same.
    #[derive(Clone)]
    struct Counted {
        by: Arc<TenantLimiter>,
        tenant: TenantId,
        permit: Permit,
    }

    impl Limiting {
        pub(crate) const fn nobody() -> Self {
            Self(None)
        }

        /// Counts the request of a member. A visitor, who may be anyone, costs the tenant nothing, and neither do the
        /// platform's staff.
        pub(in crate::layer) fn count(
            &self,
            scope: &TenantScope,
            extensions: &mut Extensions,
            guard: &mut RequestGuard,
        ) -> Result<(), Rejection> {
            let (Some(limiter), Some(admitted)) = (&self.0, scope.admitted()) else {
                return Ok(());
            };
            if admitted.standing() != Standing::Member {
                return Ok(());
            }
            let counted = extensions.get::<Counted>();
            let counted =
                counted.filter(|counted| Arc::ptr_eq(&counted.by, limiter) && counted.tenant == *admitted.id());
            if let Some(counted) = counted {
                guard.permit = Some(counted.permit.clone());
                return Ok(());
            }
            let permit = limiter.enter(admitted.tenant()).map_err(rejection)?;
            extensions.insert(Counted {
                by: Arc::clone(limiter),
                tenant: admitted.id().clone(),
                permit: permit.clone(),
            });
            guard.permit = Some(permit);
            Ok(())
        }
    }

    fn rejection(exceeded: LimitExceeded) -> Rejection {
        match exceeded {
            LimitExceeded::Rate { retry_after } => Rejection::rate_limited(retry_after),
            _ => Rejection::new(Cause::TooManyRequestsUnderWay),
        }
    }
}

#[cfg(not(feature = "limits"))]
mod unlimited {
    use super::{Extensions, Rejection, RequestGuard, TenantScope};

    pub(crate) struct Limiting(());

    impl Limiting {
        pub(crate) const fn nobody() -> Self {
            Self(())
        }

        #[expect(
            clippy::unused_self,
            clippy::unnecessary_wraps,
            reason = "with the feature `limits` it counts"
        )]
        pub(in crate::layer) const fn count(
            &self,
            _: &TenantScope,
            _: &mut Extensions,
            _: &mut RequestGuard,
        ) -> Result<(), Rejection> {
            Ok(())
        }
    }
}

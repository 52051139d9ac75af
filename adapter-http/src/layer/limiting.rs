//! What a layer counts of tenants. Without the feature `limits` it is nothing.

use http::Extensions;
use tenancy_core::context::TenantScope;
use tenancy_core::enforce::Rejection;

#[cfg(feature = "limits")]
pub(crate) use self::counted::Limiting;
#[cfg(feature = "limits")]
pub use self::counted::RequestPermit;
#[cfg(not(feature = "limits"))]
pub(crate) use self::unlimited::Limiting;
#[cfg(not(feature = "limits"))]
pub use self::unlimited::RequestPermit;

#[cfg(feature = "limits")]
mod counted {
    use std::sync::Arc;

    use tenancy_core::enforce::{Cause, Standing};
    use tenancy_core::names::TenantId;
    use tenancy_limits::{LimitExceeded, Permit, TenantLimiter};

    use super::{Extensions, Rejection, TenantScope};

    /// The right of a request to be under way. For a framework without tower services: give it to the response's body, by
    /// [`TenancyBody::with_permit`](crate::TenancyBody::with_permit).
    #[derive(Clone, Debug)]
    #[expect(dead_code, reason = "it is held to be dropped")]
    pub struct RequestPermit(Permit);

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
        pub(crate) fn count(
            &self,
            scope: &TenantScope,
            extensions: &mut Extensions,
        ) -> Result<Option<RequestPermit>, Rejection> {
            let (Some(limiter), Some(admitted)) = (&self.0, scope.admitted()) else {
                return Ok(None);
            };
            if admitted.standing() != Standing::Member {
                return Ok(None);
            }
            let counted = extensions.get::<Counted>();
            let counted =
                counted.filter(|counted| Arc::ptr_eq(&counted.by, limiter) && counted.tenant == *admitted.id());
            if let Some(counted) = counted {
                return Ok(Some(RequestPermit(counted.permit.clone())));
            }
            let permit = limiter.enter(admitted.tenant()).map_err(rejection)?;
            extensions.insert(Counted {
                by: Arc::clone(limiter),
                tenant: admitted.id().clone(),
                permit: permit.clone(),
            });
            Ok(Some(RequestPermit(permit)))
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
    use std::convert::Infallible;

    use super::{Extensions, Rejection, TenantScope};

    /// The right of a request to be under way, with the feature `limits`. Without it there is none.
    #[derive(Clone, Debug)]
    pub struct RequestPermit(Infallible);

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
        pub(crate) const fn count(
            &self,
            _: &TenantScope,
            _: &mut Extensions,
        ) -> Result<Option<RequestPermit>, Rejection> {
            Ok(None)
        }
    }
}

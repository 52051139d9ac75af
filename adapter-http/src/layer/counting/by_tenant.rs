//! How many requests each tenant's members make, where that is wanted. Without the feature `metrics` it is nothing.

#[cfg(feature = "metrics")]
pub(crate) use self::counted::ByTenant;
#[cfg(feature = "metrics")]
pub(in crate::layer) use self::counted::REQUESTS_BY_TENANT;
#[cfg(not(feature = "metrics"))]
pub(crate) use self::uncounted::ByTenant;

#[cfg(feature = "metrics")]
mod counted {
    use std::sync::{Arc, Mutex, PoisonError};

    use http::Extensions;
    use metrics::counter;
    use tenancy_core::context::TenantScope;
    use tenancy_core::names::TenantId;

    use super::super::top_tenants::TopTenants;

    /// How many requests each tenant's members have made.
    pub(in crate::layer) const REQUESTS_BY_TENANT: &str = "tenancy_tenant_requests_total";

    /// Which tenants have a label, if that is wanted.
    pub(crate) struct ByTenant(Option<Arc<Mutex<TopTenants>>>);

    /// The extension that says which tenant a request has been counted for, and by which layers.
    #[derive(Clone)]
    struct CountedFor(Arc<Mutex<TopTenants>>, TenantId);

    impl ByTenant {
        pub(crate) const fn nobody() -> Self {
            Self(None)
        }

        pub(crate) fn everybody() -> Self {
            Self(Some(Arc::default()))
        }

        /// Counts the request of a member, once, however many layers it passes. A visitor may be anyone.
        pub(in crate::layer) fn count(&self, scope: &TenantScope, extensions: &mut Extensions, is_served: bool) {
            let (Some(top), Some(admitted)) = (&self.0, scope.admitted()) else {
                return;
            };
            let tenant = admitted.id();
            let before = extensions.get::<CountedFor>();
            if before.is_some_and(|CountedFor(by, of)| Arc::ptr_eq(by, top) && of == tenant) {
                return;
            }
            extensions.insert(CountedFor(Arc::clone(top), tenant.clone()));
            let has_label = top.lock().unwrap_or_else(PoisonError::into_inner).count(tenant);
            let tenant = if has_label {
                tenant.to_string()
            } else {
                "other".to_owned()
            };
            let outcome = if is_served { "served" } else { "limited" };
            counter!(REQUESTS_BY_TENANT, "tenant" => tenant, "outcome" => outcome).increment(1);
        }
    }
}

#[cfg(not(feature = "metrics"))]
mod uncounted {
    use http::Extensions;
    use tenancy_core::context::TenantScope;

    pub(crate) struct ByTenant(());

    impl ByTenant {
        pub(crate) const fn nobody() -> Self {
            Self(())
        }

        #[expect(clippy::unused_self, reason = "with the feature `metrics` it counts")]
        pub(in crate::layer) const fn count(&self, _: &TenantScope, _: &mut Extensions, _: bool) {}
    }
}

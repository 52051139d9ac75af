use tenancy_core::directory::{Change, Directory, Invalidate};
use tenancy_core::enforce::Enforcer;
use tenancy_http::{Authenticator, TenancyBuilder};

use crate::TenancyMiddleware;

/// How requests are bound to tenants: how a tenant is named, who verifies callers, who is let in. Cheap to clone.
///
/// Its middleware go onto endpoints, with [`EndpointExt::with`](poem::EndpointExt::with): a handler, a
/// `RouteMethod`, a `Route`, an OpenAPI service. Endpoints under none of them are central:
/// nothing of the request is read there, and extracting a tenant is a 500.
#[derive(Clone, Debug)]
#[doc(alias = "middleware")]
pub struct Tenancy(tenancy_http::Tenancy);

impl Tenancy {
    /// Begins to build from what is required: the rules of resolution and refusal, who verifies credentials, and where
    /// tenants are looked up. See [`tenancy_http::Tenancy::builder`] for an example.
    pub fn builder<N, D>(enforcer: Enforcer, authenticator: N, directory: D) -> TenancyBuilder<Self, N, D>
    where
        N: Authenticator + 'static,
        D: Directory + 'static,
    {
        TenancyBuilder::new(enforcer, authenticator, directory)
    }

    /// A stub for tests: the header `x-tenant-id` names the tenant, every tenant exists, and every
    /// caller is its member.
    ///
    /// # Security
    ///
    /// This is no security at all. It logs a warning when it is built.
    #[must_use]
    pub fn insecure_test_stub() -> Self {
        Self(tenancy_http::Tenancy::insecure_test_stub())
    }

    /// The middleware for endpoints that need a member of a tenant.
    #[must_use]
    pub fn scoped(&self) -> TenancyMiddleware {
        TenancyMiddleware::new(self.0.scoped())
    }

    /// The middleware for endpoints that need a verified caller, and no tenant. See
    /// [`tenancy_http::Tenancy::authenticated`].
    #[must_use]
    pub fn authenticated(&self) -> TenancyMiddleware {
        TenancyMiddleware::new(self.0.authenticated())
    }

    /// The middleware for endpoints that take a member of a tenant, or a request that names no tenant.
    #[must_use]
    pub fn optional(&self) -> TenancyMiddleware {
        TenancyMiddleware::new(self.0.optional())
    }

    /// The middleware for endpoints that show an active tenant to anyone. They get a visit, never a member's
    /// capability.
    #[must_use]
    pub fn public(&self) -> TenancyMiddleware {
        TenancyMiddleware::new(self.0.public())
    }
}

impl From<tenancy_http::Tenancy> for Tenancy {
    fn from(tenancy: tenancy_http::Tenancy) -> Self {
        Self(tenancy)
    }
}

/// As that of [`tenancy_http::Tenancy`]: connections that the change concerns are checked at once.
impl Invalidate for Tenancy {
    fn invalidate(&self, change: &Change) {
        self.0.invalidate(change);
    }
}

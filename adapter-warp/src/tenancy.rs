use tenancy_core::directory::{Change, Directory, Invalidate};
use tenancy_core::enforce::Enforcer;
use tenancy_http::{Authenticator, TenancyBuilder};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use crate::policy::with_policy;

/// How requests are bound to tenants: how a tenant is named, who verifies callers, who is let in. Cheap to clone.
///
/// Its access policies go around routes, and around routes joined by [`or`](Filter::or). In each of these routes,
/// [`tenant`](crate::tenant) or one of its siblings stands behind path and method, and before the body: there the
/// request is decided on. Routes under no access policy are central: nothing of the request is read there, and asking
/// for a tenant is a 500.
///
/// A refused request is answered at once: no other filter runs, no sibling sees it, and no
/// [`recover`](Filter::recover) changes it. So nothing inside the service decorates refusals either:
/// put a layer for CORS around the service. A request that no route under the access policy takes goes on to the
/// siblings, and so does one that is admitted and then rejected, for its body say; they run without its
/// tenant.
///
/// A route without such a filter answers 500 to every caller. Its handler has run by then, with no tenant
/// in scope.
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

    /// Lets only a member of a tenant to the routes.
    #[must_use]
    pub fn scoped<F, R>(
        &self,
        routes: F,
    ) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + use<F, R>
    where
        F: Filter<Extract = (R,), Error: Into<Rejection>> + Send + Sync + 'static,
        R: Reply + 'static,
    {
        with_policy(self.0.scoped(), routes)
    }

    /// Lets only a verified caller to the routes, which belong to no tenant. See [`tenancy_http::Tenancy::authenticated`].
    #[must_use]
    pub fn authenticated<F, R>(
        &self,
        routes: F,
    ) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + use<F, R>
    where
        F: Filter<Extract = (R,), Error: Into<Rejection>> + Send + Sync + 'static,
        R: Reply + 'static,
    {
        with_policy(self.0.authenticated(), routes)
    }

    /// Lets a member of a tenant to the routes, or a request that names no tenant.
    #[must_use]
    pub fn optional<F, R>(
        &self,
        routes: F,
    ) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + use<F, R>
    where
        F: Filter<Extract = (R,), Error: Into<Rejection>> + Send + Sync + 'static,
        R: Reply + 'static,
    {
        with_policy(self.0.optional(), routes)
    }

    /// Lets anyone to the routes, which show an active tenant. Handlers get a visit, never a member's capability.
    #[must_use]
    pub fn public<F, R>(
        &self,
        routes: F,
    ) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + use<F, R>
    where
        F: Filter<Extract = (R,), Error: Into<Rejection>> + Send + Sync + 'static,
        R: Reply + 'static,
    {
        with_policy(self.0.public(), routes)
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

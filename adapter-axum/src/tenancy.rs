use axum::extract::OriginalUri;
use axum::http::{Extensions, Uri};
use tenancy_core::directory::{Change, Directory, Invalidate};
use tenancy_core::enforce::Enforcer;
use tenancy_http::{Authenticator, TenancyBuilder, TenancyLayer};

/// How requests are bound to tenants: how a tenant is named, who verifies callers, who is let in. Cheap to clone.
///
/// Its layers go onto routers, with [`Router::layer`](axum::Router::layer) or
/// [`Router::route_layer`](axum::Router::route_layer). Routes under none of them are central: nothing of
/// the request is read there, and extracting a tenant is a 500.
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

    /// The layer for routes that need a member of a tenant.
    #[must_use]
    pub fn scoped(&self) -> TenancyLayer {
        self.0.scoped().with_original_uri(original_uri)
    }

    /// The layer for routes that need a verified caller, and no tenant. See
    /// [`tenancy_http::Tenancy::authenticated`].
    #[must_use]
    pub fn authenticated(&self) -> TenancyLayer {
        self.0.authenticated().with_original_uri(original_uri)
    }

    /// The layer for routes that take a member of a tenant, or a request that names no tenant.
    #[must_use]
    pub fn optional(&self) -> TenancyLayer {
        self.0.optional().with_original_uri(original_uri)
    }

    /// The layer for routes that show an active tenant to anyone. Handlers get a visit, never a member's capability.
    #[must_use]
    pub fn public(&self) -> TenancyLayer {
        self.0.public().with_original_uri(original_uri)
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

/// A nested router strips its prefix from the request's URI, and leaves the URI that the client sent in this extension.
fn original_uri(extensions: &Extensions) -> Option<&Uri> {
    extensions.get::<OriginalUri>().map(|original| &original.0)
}

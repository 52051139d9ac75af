use std::fmt;
use std::ops::Deref;

use axum::body::Body;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use tenancy_core::enforce::{Admitted, Rejection, Visit};

/// The tenant that the request is bound to, and a member's capability to act in it.
///
/// It works under [`scoped`](crate::Tenancy::scoped); as `Option<Tenant>` also under
/// [`optional`](crate::Tenancy::optional). It dereferences to [`Admitted`].
#[derive(Clone, Debug)]
#[doc(alias = "extractor")]
#[doc(alias = "guard")]
pub struct Tenant(pub Admitted);

impl Deref for Tenant {
    type Target = Admitted;

    fn deref(&self) -> &Admitted {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Tenant {
    type Rejection = TenantRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let tenant = tenancy_http::tenant(&parts.extensions);
        tenant.map(Self).map_err(TenantRejection)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Tenant {
    type Rejection = TenantRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        let tenant = tenancy_http::optional_tenant(&parts.extensions);
        tenant.map(|tenant| tenant.map(Self)).map_err(TenantRejection)
    }
}

/// The tenant that the request visits, and the capability to read what the tenant shows to anyone.
///
/// It works under [`public`](crate::Tenancy::public), and under the other access policies for a member too. It
/// dereferences to [`Visit`].
#[derive(Clone, Debug)]
#[doc(alias = "extractor")]
pub struct Visitor(pub Visit);

impl Deref for Visitor {
    type Target = Visit;

    fn deref(&self) -> &Visit {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = TenantRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let visit = tenancy_http::visitor(&parts.extensions);
        visit.map(Self).map_err(TenantRejection)
    }
}

/// The rejection of an extractor that found no tenant.
///
/// Under no layer this is a 500. The log says which layer to add; the client does not learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantRejection(Rejection);

impl TenantRejection {
    /// What the client sees, and why.
    #[must_use]
    pub const fn rejection(&self) -> &Rejection {
        &self.0
    }
}

impl fmt::Display for TenantRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for TenantRejection {}

impl IntoResponse for TenantRejection {
    fn into_response(self) -> Response {
        // axum itself leaves the body out where the request was a HEAD.
        tenancy_http::rejection_response(&self.0, &Method::GET).map(Body::from)
    }
}

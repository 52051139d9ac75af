use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use tenancy_core::enforce::{Admitted, Rejection, Visit};
use tenancy_http::RefusalForm;

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
        tenant
            .map(Self)
            .map_err(|rejection| TenantRejection::to(parts, rejection))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Tenant {
    type Rejection = TenantRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        let tenant = tenancy_http::optional_tenant(&parts.extensions);
        tenant
            .map(|tenant| tenant.map(Self))
            .map_err(|rejection| TenantRejection::to(parts, rejection))
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
        visit
            .map(Self)
            .map_err(|rejection| TenantRejection::to(parts, rejection))
    }
}

/// The verified caller, whatever the tenant.
///
/// It works under [`authenticated`](crate::Tenancy::authenticated), [`scoped`](crate::Tenancy::scoped) and
/// [`optional`](crate::Tenancy::optional); on an optional route a request without credentials is a 401. It dereferences to
/// [`Caller`](tenancy_core::enforce::Caller).
#[derive(Clone, Debug)]
#[doc(alias = "extractor")]
#[doc(alias = "user")]
pub struct Caller(pub tenancy_core::enforce::Caller);

impl Deref for Caller {
    type Target = tenancy_core::enforce::Caller;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = TenantRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let caller = tenancy_http::caller(&parts.extensions);
        caller
            .map(Self)
            .map_err(|rejection| TenantRejection::to(parts, rejection))
    }
}

/// The right of the request's connection to go on, for WebSockets, server-sent events and streamed bodies.
///
/// It works under [`scoped`](crate::Tenancy::scoped) and [`public`](crate::Tenancy::public), and under
/// [`optional`](crate::Tenancy::optional) for a request that names a tenant. It dereferences to
/// [`tenancy_http::Tenure`], which says when a connection ends.
#[derive(Debug)]
#[doc(alias = "extractor")]
#[doc(alias = "WebSocket")]
#[doc(alias = "SSE")]
pub struct Tenure(pub tenancy_http::Tenure);

impl Deref for Tenure {
    type Target = tenancy_http::Tenure;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Tenure {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Tenure {
    type Rejection = TenantRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let tenure = tenancy_http::tenure(&parts.extensions);
        tenure
            .map(Self)
            .map_err(|rejection| TenantRejection::to(parts, rejection))
    }
}

/// What the caller's credential says beside what tenancy reads, in a type of the application. It dereferences to `T`.
///
/// It works wherever [`Caller`] does, if the authenticator supplies a `T`: a token verifier that is built
/// `with_payload::<T>()`, or one of your own. Otherwise it is a 500, and the log names the type.
#[derive(Debug)]
#[doc(alias = "extractor")]
#[doc(alias = "custom claims")]
pub struct Payload<T>(pub Arc<T>);

impl<T> Clone for Payload<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Payload<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<S: Send + Sync, T: Any + Send + Sync> FromRequestParts<S> for Payload<T> {
    type Rejection = TenantRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let payload = tenancy_http::payload(&parts.extensions);
        payload
            .map(Self)
            .map_err(|rejection| TenantRejection::to(parts, rejection))
    }
}

/// The rejection of an extractor that found no tenant, or no caller.
///
/// Under no layer this is a 500. The log says which layer to add; the client does not learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantRejection {
    rejection: Rejection,
    form: RefusalForm,
}

impl TenantRejection {
    /// The rejection of a request, in the form that the request understands.
    fn to(parts: &Parts, rejection: Rejection) -> Self {
        let form = RefusalForm::of(&parts.method, &parts.headers);
        Self { rejection, form }
    }

    /// What the client sees, and why.
    #[must_use]
    pub const fn rejection(&self) -> &Rejection {
        &self.rejection
    }
}

impl fmt::Display for TenantRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rejection.fmt(f)
    }
}

impl std::error::Error for TenantRejection {}

impl IntoResponse for TenantRejection {
    fn into_response(self) -> Response {
        tenancy_http::rejection_response(&self.rejection, self.form).map(Body::from)
    }
}

use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use poem::error::ResponseError;
use poem::http::StatusCode;
use poem::{FromRequest, Request, RequestBody, Response};
use tenancy_core::enforce::{Admitted, Rejection, Visit};
use tenancy_http::RefusalForm;

/// The tenant that the request is bound to, and a member's capability to act in it.
///
/// It works under [`scoped`](crate::Tenancy::scoped), and under [`optional`](crate::Tenancy::optional)
/// where a tenant is required all the same. It dereferences to [`Admitted`].
///
/// # Never `Option<Tenant>`
///
/// Take [`MaybeTenant`] where a request may name no tenant. poem makes every error of an extractor a
/// `None`, so `Option<Tenant>` would read a forgotten access policy, or a public one, as a request without a tenant.
/// Either is a 500. The log then names the fault, and the client does not learn it.
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

impl<'a> FromRequest<'a> for Tenant {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let tenant = tenancy_http::tenant(request.extensions());
        tenant
            .map(Self)
            .map_err(|rejection| TenantRejection::to(request, rejection))
    }
}

/// The tenant that the request is bound to, if it names one: the optional form of [`Tenant`].
///
/// It works under [`optional`](crate::Tenancy::optional) and [`scoped`](crate::Tenancy::scoped).
/// Elsewhere it is a 500, as for [`Tenant`] itself. It dereferences to an option of [`Admitted`].
#[derive(Clone, Debug)]
#[doc(alias = "extractor")]
pub struct MaybeTenant(pub Option<Admitted>);

impl Deref for MaybeTenant {
    type Target = Option<Admitted>;

    fn deref(&self) -> &Option<Admitted> {
        &self.0
    }
}

impl<'a> FromRequest<'a> for MaybeTenant {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let tenant = tenancy_http::optional_tenant(request.extensions());
        tenant
            .map(Self)
            .map_err(|rejection| TenantRejection::to(request, rejection))
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

impl<'a> FromRequest<'a> for Visitor {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let visit = tenancy_http::visitor(request.extensions());
        visit
            .map(Self)
            .map_err(|rejection| TenantRejection::to(request, rejection))
    }
}

/// The verified caller, whatever the tenant.
///
/// It works under [`authenticated`](crate::Tenancy::authenticated), [`scoped`](crate::Tenancy::scoped) and
/// [`optional`](crate::Tenancy::optional); on an optional route a request without credentials is a 401. It dereferences to
/// [`Caller`](tenancy_core::enforce::Caller).
///
/// Do not take an `Option<Caller>`: poem makes every error of an extractor a `None`.
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

impl<'a> FromRequest<'a> for Caller {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let caller = tenancy_http::caller(request.extensions());
        caller
            .map(Self)
            .map_err(|rejection| TenantRejection::to(request, rejection))
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

impl<'a> FromRequest<'a> for Tenure {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let tenure = tenancy_http::tenure(request.extensions());
        tenure
            .map(Self)
            .map_err(|rejection| TenantRejection::to(request, rejection))
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

impl<'a, T: Any + Send + Sync> FromRequest<'a> for Payload<T> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let payload = tenancy_http::payload(request.extensions());
        payload
            .map(Self)
            .map_err(|rejection| TenantRejection::to(request, rejection))
    }
}

/// The rejection of an extractor that found no tenant, or no caller.
///
/// Under no access policy this is a 500. The log says which layer to add; the client does not learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantRejection {
    rejection: Rejection,
    form: RefusalForm,
}

impl TenantRejection {
    /// The rejection of a request, in the form that the request understands. A fault of the set-up is logged at once:
    /// around an `Option<_>`, poem drops the error unseen.
    fn to(request: &Request, rejection: Rejection) -> poem::Error {
        if rejection.status() >= 500 {
            tracing::error!(code = rejection.code(), "an extractor found no tenant: {rejection}");
        }
        let form = RefusalForm::of(request.method(), request.headers());
        Self { rejection, form }.into()
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

impl ResponseError for TenantRejection {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.rejection.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        crate::middleware::refusal(&self.rejection, self.form)
    }
}

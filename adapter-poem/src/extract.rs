use std::fmt;
use std::ops::Deref;

use poem::error::ResponseError;
use poem::http::{Method, StatusCode};
use poem::{FromRequest, Request, RequestBody, Response};
use tenancy_core::enforce::{Admitted, Rejection, Visit};

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
        tenant.map(Self).map_err(TenantRejection::of)
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
        tenant.map(Self).map_err(TenantRejection::of)
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
        visit.map(Self).map_err(TenantRejection::of)
    }
}

/// The rejection of an extractor that found no tenant.
///
/// Under no access policy this is a 500. The log says which layer to add; the client does not learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantRejection(Rejection);

impl TenantRejection {
    /// A fault of the set-up is logged at once: around an `Option<_>`, poem drops the error unseen.
    fn of(rejection: Rejection) -> poem::Error {
        if rejection.status() >= 500 {
            tracing::error!(code = rejection.code(), "an extractor found no tenant: {rejection}");
        }
        Self(rejection).into()
    }

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

impl ResponseError for TenantRejection {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        // The method is not known here: the access policy leaves the body out of the answer to a HEAD.
        crate::middleware::refusal(&self.0, &Method::GET)
    }
}

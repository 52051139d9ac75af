use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use http::{Extensions, HeaderMap};
use tenancy_core::enforce::{Admitted, Cause, Rejection, Visit};
use warp::Filter;
use warp::reject::Reject;

use crate::slot::{Handle, handle};

/// Decides on the request, and extracts its tenant.
///
/// It works under [`scoped`](crate::Tenancy::scoped), and under [`optional`](crate::Tenancy::optional)
/// for a request that names a tenant. Put it behind path and method, so that requests of other routes are not decided
/// on, and before the body, so that a stranger's body is not read.
#[must_use]
#[doc(alias = "guard")]
pub fn tenant() -> impl Filter<Extract = (Tenant,), Error = warp::Rejection> + Copy {
    enforcing(|extensions| tenancy_http::tenant(extensions).map(Tenant))
}

/// Decides on the request, and extracts its tenant if it names one.
///
/// It works under [`scoped`](crate::Tenancy::scoped) and [`optional`](crate::Tenancy::optional), and
/// stands where [`tenant`] stands.
#[must_use]
pub fn optional_tenant() -> impl Filter<Extract = (Option<Tenant>,), Error = warp::Rejection> + Copy {
    let tenant = |extensions: &Extensions| tenancy_http::optional_tenant(extensions).map(|tenant| tenant.map(Tenant));
    enforcing(tenant)
}

/// Decides on the request, and extracts the visitor's capability.
///
/// It works under [`public`](crate::Tenancy::public), and under the other access policies for a member too. It
/// stands where [`tenant`] stands.
#[must_use]
pub fn visitor() -> impl Filter<Extract = (Visitor,), Error = warp::Rejection> + Copy {
    enforcing(|extensions| tenancy_http::visitor(extensions).map(Visitor))
}

/// Decides on the request, and extracts the verified caller, whatever the tenant.
///
/// It works under [`authenticated`](crate::Tenancy::authenticated), [`scoped`](crate::Tenancy::scoped) and
/// [`optional`](crate::Tenancy::optional); on an optional route a request without credentials is a 401. It stands where
/// [`tenant`] stands.
#[must_use]
#[doc(alias = "user")]
pub fn caller() -> impl Filter<Extract = (Caller,), Error = warp::Rejection> + Copy {
    enforcing(|extensions| tenancy_http::caller(extensions).map(Caller))
}

/// Decides on the request, and extracts what the caller's credential says beside what tenancy reads, in a type of the
/// application.
///
/// It works wherever [`caller`] does, if the authenticator supplies a `T`: a token verifier that is built
/// `with_payload::<T>()`, or one of your own. Otherwise it is a 500, and the log names the type.
#[must_use]
#[doc(alias = "custom claims")]
pub fn payload<T: Any + Send + Sync>() -> impl Filter<Extract = (Payload<T>,), Error = warp::Rejection> + Copy {
    enforcing(|extensions| tenancy_http::payload::<T>(extensions).map(Payload))
}

/// Decides on the request, and extracts the right of its connection to go on, for WebSockets, server-sent events and streamed
/// bodies.
///
/// It works under [`scoped`](crate::Tenancy::scoped) and [`public`](crate::Tenancy::public), and under
/// [`optional`](crate::Tenancy::optional) for a request that names a tenant. It stands where [`tenant`] stands.
#[must_use]
#[doc(alias = "WebSocket")]
#[doc(alias = "SSE")]
pub fn tenure() -> impl Filter<Extract = (Tenure,), Error = warp::Rejection> + Copy {
    enforcing(|extensions| tenancy_http::tenure(extensions).map(Tenure))
}

/// Decides on the request, and extracts nothing: for handlers that read the
/// [`context`](tenancy_core::context), or need no tenant.
///
/// It works under each access policy, and stands where [`tenant`] stands.
#[must_use]
pub fn enforce() -> impl Filter<Extract = (), Error = warp::Rejection> + Copy {
    let is_bound = |extensions: &Extensions| match tenancy_http::bound(extensions) {
        Some(_) => Ok(()),
        None => Err(Rejection::new(Cause::NoLayer)),
    };
    enforcing(is_bound).untuple_one()
}

/// Decides on the request, and extracts what it is bound to. Its header fields are copied where a decision reads them for the
/// first time, since a filter sees them in no other way.
fn enforcing<T: Send>(
    extract: impl Fn(&Extensions) -> Result<T, Rejection> + Copy + Send + Sync + 'static,
) -> impl Filter<Extract = (T,), Error = warp::Rejection> + Copy {
    let as_it_is = handle().and_then(move |handle| enforced_as_it_is(handle, extract));
    let with_headers = handle().and(warp::header::headers_cloned()).map(give_headers);
    let with_headers = with_headers.and_then(move |handle| enforced(handle, extract));
    as_it_is.or(with_headers).unify()
}

fn give_headers(handle: Option<Handle>, headers: HeaderMap) -> Option<Handle> {
    handle.inspect(|handle| handle.give_headers(headers))
}

/// Rejects, so that the next filter does it, where header fields are missing or the service is another one.
async fn enforced_as_it_is<T>(
    handle: Option<Handle>,
    extract: impl Fn(&Extensions) -> Result<T, Rejection>,
) -> Result<T, warp::Rejection> {
    match handle {
        Some(handle) if !handle.wants_headers() => Ok(handle.enforce(extract).await),
        _ => Err(warp::reject::not_found()),
    }
}

async fn enforced<T>(
    handle: Option<Handle>,
    extract: impl Fn(&Extensions) -> Result<T, Rejection>,
) -> Result<T, warp::Rejection> {
    match handle {
        Some(handle) => Ok(handle.enforce(extract).await),
        None => {
            let rejection = Rejection::new(Cause::NotFollowed);
            tracing::error!(code = rejection.code(), "{rejection}");
            Err(TenantRejection(rejection).into())
        }
    }
}

/// The tenant that the request is bound to, and a member's capability to act in it.
///
/// It dereferences to [`Admitted`].
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

/// The tenant that the request visits, and the capability to read what the tenant shows to anyone.
///
/// It dereferences to [`Visit`].
#[derive(Clone, Debug)]
#[doc(alias = "extractor")]
pub struct Visitor(pub Visit);

impl Deref for Visitor {
    type Target = Visit;

    fn deref(&self) -> &Visit {
        &self.0
    }
}

/// The verified caller, whatever the tenant.
///
/// It dereferences to [`Caller`](tenancy_core::enforce::Caller).
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

/// The right of the request's connection to go on, for WebSockets, server-sent events and streamed bodies.
///
/// It dereferences to [`tenancy_http::Tenure`], which says when a connection ends.
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

/// What the caller's credential says beside what tenancy reads, in a type of the application.
///
/// It dereferences to `T`.
#[derive(Debug)]
#[doc(alias = "extractor")]
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

/// The rejection of a filter that found no tenant, since the routes are not served by [`service`](crate::service()).
///
/// Under that service there is no such rejection: a refused request is answered at once, and no
/// [`recover`](Filter::recover) sees it.
///
/// `Debug` and `Display` show what the client may see, as warp shows the former to clients.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TenantRejection(Rejection);

impl TenantRejection {
    /// What the client sees, and why.
    #[must_use]
    pub const fn rejection(&self) -> &Rejection {
        &self.0
    }
}

impl fmt::Debug for TenantRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code())
    }
}

impl fmt::Display for TenantRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code())
    }
}

impl std::error::Error for TenantRejection {}

impl Reject for TenantRejection {}

//! What a handler extracts from a request under a layer.

use std::any::{Any, type_name};
use std::sync::Arc;

use http::Extensions;
use tenancy_core::context::TenantScope;
use tenancy_core::enforce::{Admitted, Caller, Cause, Outcome, Rejection, Visit};

use crate::bound;
use crate::layer::Binding;

/// The member's capability that a request is bound to, under [`scoped`](crate::Tenancy::scoped).
///
/// # Errors
///
/// Under no layer, and on a public route: a 500 whose cause says what to add. On an optional route, if the request
/// names no tenant: a 401.
#[doc(alias = "extractor")]
#[inline]
pub fn tenant(extensions: &Extensions) -> Result<Admitted, Rejection> {
    match member(extensions)? {
        Some(admitted) => Ok(admitted.clone()),
        None => Err(Rejection::new(Cause::NoTenantNamed)),
    }
}

/// The member's capability that a request is bound to, if it names a tenant, under
/// [`optional`](crate::Tenancy::optional).
///
/// # Errors
///
/// Under no layer, and on a public route: a 500 whose cause says what to add.
pub fn optional_tenant(extensions: &Extensions) -> Result<Option<Admitted>, Rejection> {
    Ok(member(extensions)?.cloned())
}

/// The visitor's capability that a request is bound to, under [`public`](crate::Tenancy::public). A member's request has
/// it, too.
///
/// # Errors
///
/// Under no layer: a 500 whose cause says what to add. On an optional route, if the request names no tenant: a 401.
pub fn visitor(extensions: &Extensions) -> Result<Visit, Rejection> {
    match outcome(extensions)? {
        Outcome::Admitted(admitted) => Ok(admitted.to_visit()),
        Outcome::Visit(visit) => Ok(visit.clone()),
        Outcome::Authenticated(_) => Err(Rejection::new(Cause::CallerOnly)),
        _ => Err(Rejection::new(Cause::NoTenantNamed)),
    }
}

/// The caller of a request, under [`authenticated`](crate::Tenancy::authenticated), and under
/// [`scoped`](crate::Tenancy::scoped) and [`optional`](crate::Tenancy::optional).
///
/// # Errors
///
/// Under no layer, and on a public route: a 500 whose cause says what to add. On an optional route, if the request has no
/// credentials: a 401.
#[doc(alias = "extractor")]
pub fn caller(extensions: &Extensions) -> Result<Caller, Rejection> {
    let scope = bound(extensions).ok_or(Rejection::new(Cause::NoCaller))?;
    caller_of(scope).cloned()
}

/// The payload of the caller's credential, in the type that the authenticator supplies it in, wherever [`caller`] works.
///
/// A [`TokenVerifier`](https://docs.rs/tenancy-jwt) supplies one that is built `with_payload::<T>()`; an authenticator of
/// your own by [`VerifiedClaims::payload`](tenancy_core::request::VerifiedClaims::payload). Where several layers verify the
/// caller, the innermost that supplies a payload counts.
///
/// # Errors
///
/// As [`caller`]. Without a payload, or with one of another type: a 500, and the log names the type.
#[doc(alias = "extractor")]
#[doc(alias = "custom claims")]
pub fn payload<T: Any + Send + Sync>(extensions: &Extensions) -> Result<Arc<T>, Rejection> {
    let binding = Binding::of(extensions).ok_or(Rejection::new(Cause::NoCaller))?;
    caller_of(&binding.scope)?;
    binding
        .payload
        .get()
        .and_then(|payload| payload.shared())
        .ok_or_else(|| {
            tracing::error!(
                wanted = type_name::<T>(),
                "a payload was requested that no authenticator supplies"
            );
            Rejection::new(Cause::NoPayload)
        })
}

/// Borrowed, since a capability is large to move: it is copied once, to where it stays.
fn member(extensions: &Extensions) -> Result<Option<&Admitted>, Rejection> {
    match outcome(extensions)? {
        Outcome::Admitted(admitted) => Ok(Some(admitted)),
        Outcome::NoTenant => Ok(None),
        Outcome::Authenticated(_) => Err(Rejection::new(Cause::CallerOnly)),
        // A visit, and whatever else is not a member's capability.
        _ => Err(Rejection::new(Cause::VisitOnly)),
    }
}

fn caller_of(scope: &TenantScope) -> Result<&Caller, Rejection> {
    scope.caller().ok_or(Rejection::new(match scope.outcome() {
        Outcome::NoTenant => Cause::NoCredentials,
        _ => Cause::NoCaller,
    }))
}

fn outcome(extensions: &Extensions) -> Result<&Outcome, Rejection> {
    let scope = bound(extensions).ok_or(Rejection::new(Cause::NoLayer))?;
    Ok(scope.outcome())
}

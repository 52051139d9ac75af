//! What a handler extracts from a request under a layer.

use http::Extensions;
use tenancy_core::enforce::{Admitted, Cause, Outcome, Rejection, Visit};

use crate::bound;

/// The member's capability that a request is bound to, under [`scoped`](crate::Tenancy::scoped).
///
/// # Errors
///
/// Under no layer, and on a public route: a 500 whose cause says what to add. On an optional route, if the request
/// names no tenant: a 401.
#[doc(alias = "extractor")]
pub fn tenant(extensions: &Extensions) -> Result<Admitted, Rejection> {
    optional_tenant(extensions)?.ok_or(Rejection::new(Cause::NoTenantNamed))
}

/// The member's capability that a request is bound to, if it names a tenant, under
/// [`optional`](crate::Tenancy::optional).
///
/// # Errors
///
/// Under no layer, and on a public route: a 500 whose cause says what to add.
pub fn optional_tenant(extensions: &Extensions) -> Result<Option<Admitted>, Rejection> {
    match outcome(extensions)? {
        Outcome::Admitted(admitted) => Ok(Some(admitted.clone())),
        Outcome::NoTenant => Ok(None),
        // A visit, and whatever else is not a member's capability.
        _ => Err(Rejection::new(Cause::VisitOnly)),
    }
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
        _ => Err(Rejection::new(Cause::NoTenantNamed)),
    }
}

fn outcome(extensions: &Extensions) -> Result<&Outcome, Rejection> {
    let scope = bound(extensions).ok_or(Rejection::new(Cause::NoLayer))?;
    Ok(scope.outcome())
}

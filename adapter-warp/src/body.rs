//! Response bodies that are polled inside the request's scope.

use tenancy_core::context::TenantScope;
use tenancy_http::{RequestGuard, TenancyBody};
use warp::reply::Response;

/// The body of a response from [`service`](crate::service()).
pub type ResponseBody = TenancyBody<WarpBody>;

/// Takes the scope that an access policy has left on a response.
pub(crate) fn scoped(mut response: Response) -> http::Response<ResponseBody> {
    let scoped = response.extensions_mut().remove::<Scoped>();
    response.map(|body| match scoped {
        Some(Scoped { scope, guard }) => TenancyBody::new(body, Some(scope)).with_guard(guard),
        None => TenancyBody::new(body, None),
    })
}

/// The scope that the body of a response is polled in: that of the innermost access policy it comes from.
///
/// It travels with the response. If a filter outside of the access policy turns the answer into a rejection, the scope
/// goes with the answer.
#[derive(Clone)]
pub(crate) struct Scoped {
    pub(crate) scope: TenantScope,
    pub(crate) guard: RequestGuard,
}

impl Scoped {
    pub(crate) fn stay_with(self, mut response: Response) -> Response {
        response.extensions_mut().get_or_insert_with(|| self);
        response
    }
}

/// warp's body, which has no public name.
type WarpBody = <Response as Carries>::Body;

/// Names the body of a response.
#[expect(
    unnameable_types,
    reason = "it is part of a public alias, and not for others to implement"
)]
pub trait Carries {
    /// The body.
    type Body;
}

impl<B> Carries for http::Response<B> {
    type Body = B;
}

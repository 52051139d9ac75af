//! Response bodies that are polled inside the request's scope.

use tenancy_core::context::Bound;
use tenancy_http::TenancyBody;
use warp::reply::Response;

/// The body of a response from [`service`](crate::service()).
pub type ResponseBody = TenancyBody<WarpBody>;

/// Takes the scope that a mark has left on a response.
pub(crate) fn scoped(mut response: Response) -> http::Response<ResponseBody> {
    let bound = response.extensions_mut().remove::<Scoped>().map(|Scoped(bound)| bound);
    response.map(|body| TenancyBody::new(body, bound))
}

/// The scope that the body of a response belongs into: that of the innermost mark it comes from.
///
/// It travels with the response. An answer that a filter outside of the mark turns into a rejection
/// takes it along.
#[derive(Clone)]
pub(crate) struct Scoped(pub(crate) Bound);

impl Scoped {
    pub(crate) fn stay_with(self, mut response: Response) -> Response {
        response.extensions_mut().get_or_insert_with(|| self);
        response
    }
}

/// warp's body, which has no public name.
type WarpBody = <Response as Carries>::Body;

/// Names the body of a response.
#[expect(unnameable_types, reason = "it is part of a public alias, and nobody's to implement")]
pub trait Carries {
    /// The body.
    type Body;
}

impl<B> Carries for http::Response<B> {
    type Body = B;
}

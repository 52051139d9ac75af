//! A mark around routes: entered when they are tried, left when they have answered or rejected.

use http::Method;
use tenancy_core::{Cause, Rejection as Refusal};
use tenancy_http::{TenancyLayer, rejection_response};
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::TenantRejection;
use crate::slot::{Handle, Left, handle};

/// Puts a mark around routes.
///
/// Entering decides nothing: no route has matched yet.
pub(crate) fn mark(
    layer: TenancyLayer,
    routes: BoxedFilter<(Response,)>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    handle()
        .map(move |handle: Option<Handle>| {
            if let Some(handle) = handle {
                handle.enter(layer.clone());
            }
        })
        .untuple_one()
        .and(routes)
        .or_else(end_at_a_refusal)
        .and(handle())
        .then(leave_with_an_answer)
        .or(handle().and_then(leave_with_a_rejection))
        .unify()
}

/// A refusal is an answer, which no sibling may better. Its response is put in when the mark is left.
async fn end_at_a_refusal(rejection: Rejection) -> Result<(Response,), Rejection> {
    match rejection.find::<TenantRejection>() {
        Some(_) => Ok((Response::default(),)),
        None => Err(rejection),
    }
}

async fn leave_with_an_answer(response: Response, handle: Option<Handle>) -> Response {
    let Some(handle) = handle else {
        // Nobody knows the method here. To a HEAD the server sends no body.
        return rejection_response(&Refusal::new(Cause::NotFollowed), &Method::GET).map(Into::into);
    };
    match handle.leave().await {
        Left::Decided(bound) => bound.stay_with(response),
        Left::Refused(refusal) => refusal.map(Into::into),
        Left::Undecided => handle.response_to(&Refusal::new(Cause::NotEnforced)).map(Into::into),
    }
}

async fn leave_with_a_rejection(handle: Option<Handle>) -> Result<Response, Rejection> {
    let left = match handle {
        Some(handle) => handle.leave().await,
        None => Left::Undecided,
    };
    match left {
        // A `recover` inside the mark has exchanged the rejection for one of its own.
        Left::Refused(refusal) => Ok(refusal.map(Into::into)),
        // Beside the routes' own rejection this one does not count.
        Left::Decided(_) | Left::Undecided => Err(warp::reject::not_found()),
    }
}

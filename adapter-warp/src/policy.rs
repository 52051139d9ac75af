//! An access policy around routes: entered when they are tried, left when they have answered or rejected.

use http::Method;
use tenancy_core::enforce::{Cause, Rejection as Refusal};
use tenancy_http::{TenancyLayer, rejection_response};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use crate::TenantRejection;
use crate::slot::{Handle, handle};

/// Puts an access policy around routes.
///
/// Entering decides nothing: no route has matched yet.
pub(crate) fn with_policy<F, R>(
    layer: TenancyLayer,
    routes: F,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + use<F, R>
where
    F: Filter<Extract = (R,), Error: Into<Rejection>> + Send + Sync + 'static,
    R: Reply + 'static,
{
    handle()
        .map(move |handle: Option<Handle>| {
            if let Some(handle) = &handle {
                handle.enter(layer.clone());
            }
            handle
        })
        .and(routes.map(R::into_response).boxed().or_else(answer_without_the_service))
        .then(leave_with_an_answer)
        .or(handle().and_then(leave_with_a_rejection))
        .unify()
}

/// Under another service than this crate's, a filter that asks for a tenant rejects. That is an answer, and no sibling
/// may give another; it is filled in when the access policy is left.
async fn answer_without_the_service(rejection: Rejection) -> Result<(Response,), Rejection> {
    match rejection.find::<TenantRejection>() {
        Some(_) => Ok((Response::default(),)),
        None => Err(rejection),
    }
}

async fn leave_with_an_answer(handle: Option<Handle>, response: Response) -> Response {
    match handle {
        Some(handle) => handle.leave_answered().await.stay_with(response),
        // The method is not known here. To a HEAD the server sends no body.
        None => rejection_response(&Refusal::new(Cause::NotFollowed), &Method::GET).map(Into::into),
    }
}

async fn leave_with_a_rejection(handle: Option<Handle>) -> Result<Response, Rejection> {
    if let Some(handle) = handle {
        handle.leave_rejected().await;
    }
    // warp prefers the routes' own rejection to this one.
    Err(warp::reject::not_found())
}

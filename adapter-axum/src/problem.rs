use axum::body::Body;
use axum::response::Response;

/// A problem document (RFC 9457) that no cache stores, in the form in which tenancy answers a refused request. It is for a
/// service's own errors, such as those of its database. See [`tenancy_http::problem`].
///
/// ```
/// use axum::response::{IntoResponse, Response};
///
/// struct Taken;
///
/// impl IntoResponse for Taken {
///     fn into_response(self) -> Response {
///         tenancy_axum::problem(409, "conflict", None)
///     }
/// }
/// ```
#[must_use]
pub fn problem(status: u16, code: &str, retry_after: Option<u32>) -> Response {
    tenancy_http::problem(status, code, retry_after).map(Body::from)
}

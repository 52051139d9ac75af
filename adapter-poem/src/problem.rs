use poem::Response;

/// A problem document (RFC 9457) that no cache stores, in the form in which tenancy answers a refused request. It is for a
/// service's own errors, such as those of its database. See [`tenancy_http::problem`].
///
/// ```
/// struct Taken;
///
/// impl From<Taken> for poem::Error {
///     fn from(_: Taken) -> Self {
///         Self::from_response(tenancy_poem::problem(409, "conflict", None))
///     }
/// }
/// ```
#[must_use]
pub fn problem(status: u16, code: &str, retry_after: Option<u32>) -> Response {
    crate::middleware::into_poem(tenancy_http::problem(status, code, retry_after))
}

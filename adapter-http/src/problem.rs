//! Errors of the application in the form of tenancy's own refusals.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

/// A problem document (RFC 9457) that no cache stores, in the form in which tenancy answers a refused request. With it a
/// service's own errors, such as those of its database, look the same.
///
/// `code` is a stable name for clients, and is all that the body says beside the status. Put nothing of the request
/// into it. `retry_after` is in seconds (RFC 9110 §10.2.3). A 401 gets the challenge `Bearer`, which it must have
/// (RFC 9110 §11.6.1). A `status` that is not an HTTP status becomes 500.
///
/// The answer to a HEAD has these fields and no body (RFC 9110 §9.3.2). Under a layer of tenancy it is left
/// out; elsewhere, leave it out yourself.
///
/// ```
/// let response = tenancy_http::problem(409, "conflict", None);
/// assert_eq!(response.status(), 409);
/// assert_eq!(
///     response.body(),
///     r#"{"type":"about:blank","title":"Conflict","status":409,"code":"conflict"}"#
/// );
/// ```
#[must_use]
pub fn problem(status: u16, code: &str, retry_after: Option<u32>) -> Response<Bytes> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = Bytes::from(document(status, code));
    let mut response = Response::new(());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.map(|()| body)
}

fn document(status: StatusCode, code: &str) -> String {
    let mut body = r#"{"type":"about:blank","#.to_owned();
    if let Some(title) = title(status) {
        let _ = write!(body, r#""title":"{title}","#);
    }
    let _ = write!(body, r#""status":{},"code":""#, status.as_u16());
    for character in code.chars() {
        // JSON requires these to be escaped (RFC 8259 §7).
        match character {
            '"' | '\\' => body.extend(['\\', character]),
            '\0'..='\x1f' => drop(write!(body, "\\u{:04x}", u32::from(character))),
            _ => body.push(character),
        }
    }
    body.push_str(r#""}"#);
    body
}

/// The name of a status in RFC 9110, which has renamed two of them.
fn title(status: StatusCode) -> Option<&'static str> {
    match status.as_u16() {
        413 => Some("Content Too Large"),
        422 => Some("Unprocessable Content"),
        _ => status.canonical_reason(),
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use tenancy_core::enforce::{Cause, Rejection};

    use super::*;
    use crate::rejection_response;

    /// Byte for byte, less what only a refusal knows.
    #[test]
    fn it_is_written_as_a_refusal_is() {
        for cause in [
            Cause::MalformedTenant,
            Cause::NoCredentials,
            Cause::NotAMember,
            Cause::DirectoryUnavailable,
            Cause::NoLayer,
        ] {
            let rejection = Rejection::new(cause);
            let refusal = rejection_response(&rejection, &Method::GET);
            let problem = problem(rejection.status(), rejection.code(), rejection.retry_after());
            assert_eq!(problem.status(), refusal.status());
            assert_eq!(problem.headers(), refusal.headers());
            assert_eq!(problem.body(), refusal.body());
        }
    }

    #[test]
    fn what_is_odd_is_still_a_document() {
        let odd = problem(422, "a\"b\\c\n\u{1f}é", Some(7));
        let body = "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,\
            \"code\":\"a\\\"b\\\\c\\u000a\\u001fé\"}";
        assert_eq!(odd.body(), body);
        assert_eq!(odd.headers()[CONTENT_LENGTH], body.len().to_string());
        assert_eq!(odd.headers()[RETRY_AFTER], "7");
        assert_eq!(
            problem(799, "x", None).body(),
            r#"{"type":"about:blank","status":799,"code":"x"}"#
        );
        assert_eq!(problem(7, "x", None).status(), 500);
    }
}

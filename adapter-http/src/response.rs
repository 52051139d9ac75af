//! From a rejection to a response, and the fields that every response under an access policy carries.

use bytes::Bytes;
use http::header::Entry;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use tenancy_core::enforce::Rejection;

use crate::refusal_form::{Form, RefusalForm};

/// The response to a refused request, which no cache stores: a problem document (RFC 9457), or for a request of gRPC a
/// trailers-only response.
///
/// To a HEAD the problem document has the fields of the GET and no body (RFC 9110 §9.3.2). The response of gRPC has the
/// HTTP status 200, the request's type of gRPC or gRPC-Web, [`grpc-status`](Rejection::grpc_status), the refusal's code as `grpc-message`, and the other fields of
/// the refusal; `Retry-After` is there once more as `grpc-retry-pushback-ms`, which clients of gRPC heed. The cause is logged: at the level error if the server is at fault, else at the level debug.
#[must_use]
pub fn rejection_response(rejection: &Rejection, form: impl Into<RefusalForm>) -> Response<Bytes> {
    match rejection.status() {
        500.. => tracing::error!(code = rejection.code(), "{rejection}"),
        _ => tracing::debug!(code = rejection.code(), "{rejection}"),
    }
    let mut response = match form.into().form() {
        Form::Problem => problem_document(rejection, rejection.body()),
        Form::ProblemHead => problem_document(rejection, ""),
        Form::Grpc(content) => trailers_only(rejection, content),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(challenge) = rejection.www_authenticate() {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if let Some(seconds) = rejection.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn problem_document(rejection: &Rejection, shown: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(shown.as_bytes()));
    *response.status_mut() = StatusCode::from_u16(rejection.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(rejection.body().len()));
    response
}

/// A code needs no percent-encoding in `grpc-message`.
fn trailers_only(rejection: &Rejection, content: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    headers.insert(GRPC_STATUS, HeaderValue::from(u16::from(rejection.grpc_status())));
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(rejection.code()));
    if let Some(seconds) = rejection.retry_after() {
        headers.insert(GRPC_RETRY_PUSHBACK_MS, HeaderValue::from(u64::from(seconds) * 1000));
    }
    response
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// By which the retry policies of gRPC's clients learn when to try again (gRFC A6, "Pushback").
const GRPC_RETRY_PUSHBACK_MS: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// Adds field names to a response's `Vary` and preserves those that it has (RFC 9110 §12.5.5).
pub fn add_vary(headers: &mut HeaderMap, ours: HeaderValue) {
    // Most responses have none.
    match headers.entry(VARY) {
        Entry::Vacant(vacant) => {
            vacant.insert(ours);
        }
        Entry::Occupied(_) => merge_vary(headers, &ours),
    }
}

fn merge_vary(headers: &mut HeaderMap, ours: &HeaderValue) {
    let mut merged: Vec<u8> = Vec::new();
    let theirs = headers.get_all(VARY).into_iter().flat_map(names);
    for name in theirs.chain(names(ours)) {
        if name == b"*" {
            return;
        }
        if names_of(&merged).any(|other| other.eq_ignore_ascii_case(name)) {
            continue;
        }
        if !merged.is_empty() {
            merged.extend_from_slice(b", ");
        }
        merged.extend_from_slice(name);
    }
    if let Ok(merged) = HeaderValue::from_maybe_shared(Bytes::from(merged)) {
        headers.insert(VARY, merged);
    }
}

fn names(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    names_of(value.as_bytes())
}

fn names_of(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vary_is_merged() {
        for (theirs, expected) in [
            (&[][..], "x-tenant-id, authorization"),
            (&["Origin"], "Origin, x-tenant-id, authorization"),
            (
                &["origin, Authorization", "accept"],
                "origin, Authorization, accept, x-tenant-id",
            ),
            (&["X-Tenant-ID,authorization"], "X-Tenant-ID, authorization"),
            (&["*"], "*"),
            (&[""], "x-tenant-id, authorization"),
        ] {
            let mut headers = HeaderMap::new();
            for value in theirs {
                headers.append(VARY, HeaderValue::from_static(value));
            }
            add_vary(&mut headers, HeaderValue::from_static("x-tenant-id, authorization"));
            let values: Vec<_> = headers.get_all(VARY).iter().collect();
            assert_eq!(values, [expected], "{theirs:?}");
        }
    }
}

//! A tenant whose migrations have not run: the answer that a handler makes of it is the same in every framework.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;

/// As `ErrorKind::Updating` of `tenancy-sqlx` says.
const UPDATING: (u16, &str, Option<u32>) = (503, "tenant_updating", Some(5));

type Answer = (StatusCode, HeaderMap, Bytes);

#[tokio::test]
async fn every_framework_gives_the_same_answer() {
    let (status, code, retry_after) = UPDATING;
    let (parts, body) = tenancy_http::problem(status, code, retry_after).into_parts();
    let expected: Answer = (parts.status, parts.headers, body);
    assert_eq!(expected.0, 503);
    assert_eq!(expected.1.get("retry-after").unwrap(), "5");
    let text = br#"{"type":"about:blank","title":"Service Unavailable","status":503,"code":"tenant_updating"}"#;
    assert_eq!(&*expected.2, text);

    let (parts, body) = tenancy_axum::problem(status, code, retry_after).into_parts();
    assert_eq!(
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes()),
        expected
    );
    let (parts, body) = tenancy_poem::problem(status, code, retry_after).into_parts();
    let body = body.into_bytes().await.unwrap();
    assert_eq!((parts.status, parts.headers, body), expected);
    let (parts, body) = tenancy_warp::problem(status, code, retry_after).into_parts();
    assert_eq!(
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes()),
        expected
    );
}

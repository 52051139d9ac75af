//! What stands on the wire, by a client that is not tonic's.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::http::{HeaderMap, HeaderValue, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::endless::serve;
use crate::tenure_support::{Tenants, tenancy};

const CHECK: &str = "/grpc.health.v1.Health/Check";

/// An empty message: not compressed, of no bytes (gRPC over HTTP/2, "Length-Prefixed-Message").
const EMPTY: &[u8] = &[0; 5];

/// Header fields, by their names and bytes.
type Fields<'a> = &'a [(&'a str, &'a [u8])];

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    trailers: Option<HeaderMap>,
    was_ended_by_its_headers: bool,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn call(tenants: &Tenants, path: &str, fields: Fields<'_>, message: &'static [u8]) -> Answer {
    let stream = TcpStream::connect(serve(&tenancy(tenants)).await).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut request = Request::post(format!("http://localhost{path}")).header("te", "trailers");
    for (name, value) in fields {
        request = request.header(*name, HeaderValue::from_bytes(value).unwrap());
    }
    let request = request.body(Full::new(Bytes::from_static(message))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let was_ended_by_its_headers = body.is_end_stream();
    let body = body.collect().await.unwrap();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        trailers: body.trailers().cloned(),
        body: body.to_bytes(),
        was_ended_by_its_headers,
    }
}

const GRPC: (&str, &[u8]) = ("content-type", b"application/grpc");
const ALICE: (&str, &[u8]) = ("authorization", b"alice");
const ACME: (&str, &[u8]) = ("x-tenant-id", b"acme");

/// "Trailers-Only": one block of headers, with the HTTP status 200, `grpc-status` and `grpc-message`, that ends the stream.
#[tokio::test]
async fn a_refusal_is_one_block_of_headers() {
    let cases: &[(Fields<'_>, &str, &str)] = &[
        (&[GRPC], "16", "tenant_required"),
        (&[GRPC, ACME], "16", "credentials_required"),
        (&[GRPC, ACME, ("authorization", b"mallory")], "7", "forbidden"),
        (&[GRPC, ALICE, ("x-tenant-id", b"ACME")], "3", "malformed_tenant"),
        (&[GRPC, ALICE, ("x-tenant-id", b"")], "3", "malformed_tenant"),
        (
            &[GRPC, ALICE, ("x-tenant-id", b"acme, globex")],
            "3",
            "malformed_tenant",
        ),
        (&[GRPC, ALICE, ("x-tenant-id", b"\xc3\xa4cme")], "3", "malformed_tenant"),
        (&[GRPC, ALICE, ("x-tenant-id", b"%61cme")], "3", "malformed_tenant"),
        (&[GRPC, ALICE, ACME, ACME], "3", "malformed_tenant"),
        (
            &[GRPC, ALICE, ACME, ("x-tenant-id", b"globex")],
            "3",
            "malformed_tenant",
        ),
        // Metadata whose name ends so holds bytes in Base64, and is another field.
        (&[GRPC, ALICE, ("x-tenant-id-bin", b"YWNtZQ")], "16", "tenant_required"),
        (
            &[("content-type", b"application/grpc+proto"), ALICE],
            "16",
            "tenant_required",
        ),
        (&[("content-type", b"APPLICATION/GRPC"), ALICE], "16", "tenant_required"),
    ];
    for (fields, status, message) in cases {
        let answer = call(&Tenants::new(), CHECK, fields, EMPTY).await;
        let told = (answer.header("grpc-status"), answer.header("grpc-message"));
        assert_eq!(told, (*status, *message), "{fields:?}");
        assert_eq!(answer.status, 200, "{fields:?}");
        assert_eq!(answer.header("content-type"), "application/grpc", "{fields:?}");
        assert_eq!(answer.header("cache-control"), "no-store", "{fields:?}");
        assert_eq!(
            !answer.header("www-authenticate").is_empty(),
            *status == "16",
            "{fields:?}"
        );
        assert!(answer.was_ended_by_its_headers, "{fields:?}");
        assert!(answer.body.is_empty() && answer.trailers.is_none(), "{fields:?}");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_queried_says_when_to_try_again() {
    let tenants = Tenants::new();
    tenants.change(|now| now.is_down = true);
    let answer = call(&tenants, CHECK, &[GRPC, ALICE, ACME], EMPTY).await;
    assert_eq!((answer.status, answer.header("grpc-status")), (200, "14"));
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.header("grpc-retry-pushback-ms"), "1000");
    assert!(answer.was_ended_by_its_headers);
}

/// Those who do not speak gRPC get the HTTP status.
#[tokio::test]
async fn other_requests_to_the_same_server_are_answered_as_over_http() {
    let cases: &[(&str, Fields<'_>)] = &[
        (CHECK, &[ALICE]),
        (CHECK, &[("content-type", b"application/json"), ALICE]),
        (CHECK, &[("content-type", b"application/grp"), ALICE]),
        ("/nothing.There/Is", &[]),
    ];
    for (path, fields) in cases {
        let answer = call(&Tenants::new(), path, fields, EMPTY).await;
        assert_eq!(answer.status, 401, "{path} {fields:?}");
        assert_eq!(answer.header("grpc-status"), "", "{path} {fields:?}");
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{path} {fields:?}"
        );
    }
}

/// A stranger does not learn which services there are.
#[tokio::test]
async fn a_method_that_there_is_not_is_a_members_alone_to_learn_of() {
    let missing = "/nothing.There/Is";
    let answer = call(&Tenants::new(), missing, &[GRPC, ALICE, ACME], EMPTY).await;
    assert_eq!(answer.header("grpc-status"), "12");
    let answer = call(
        &Tenants::new(),
        missing,
        &[GRPC, ACME, ("authorization", b"mallory")],
        EMPTY,
    )
    .await;
    assert_eq!(answer.header("grpc-status"), "7");
}

#[tokio::test]
async fn an_admitted_call_ends_in_trailers_and_a_bad_message_is_told_by_them() {
    let answer = call(&Tenants::new(), CHECK, &[GRPC, ALICE, ACME], EMPTY).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.trailers.unwrap()["grpc-status"], "0");
    assert_eq!(answer.body, [0, 0, 0, 0, 2, 8, 4].as_slice());
    // The layer leaves messages alone, and what is wrong with one is tonic's to say: a length that is not there, a flag that
    // is none, and no message at all.
    for bad in [&[0, 0, 0, 0, 9, 1][..], &[7, 0, 0, 0, 0], &[]] {
        let answer = call(&Tenants::new(), CHECK, &[GRPC, ALICE, ACME], bad).await;
        let status = answer.trailers.as_ref().unwrap_or(&answer.headers).get("grpc-status");
        assert!(
            status.is_some_and(|status| status != "0"),
            "{bad:?} {:?}",
            answer.headers
        );
        assert_eq!(answer.status, 200);
    }
}

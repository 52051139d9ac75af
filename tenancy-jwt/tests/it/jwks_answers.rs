//! What is taken of an answer, and what is not.

#![cfg(feature = "jwks")]

use std::time::Duration;

use tenancy_jwt::FetchJwksError;

use crate::jwks_server::{Reply, Server, at, fetch};
use crate::jwks_support::{jwks, rsa};

#[tokio::test]
async fn only_json_under_200_of_64_kib_is_taken() {
    let server = Server::tls().await;
    let elsewhere = server.url("/elsewhere");
    let (document, json) = (jwks(&[rsa()]), "content-type: application/json\r\n");
    server.say("/elsewhere", Reply::json(&document));
    let long = document.clone() + &" ".repeat(64 * 1024 - document.len());
    let chunked = |length: usize| {
        let head = format!("HTTP/1.1 200 OK\r\n{json}transfer-encoding: chunked\r\n\r\n{length:x}\r\n");
        Reply::Bytes(format!("{head}{}\r\n0\r\n\r\n", "1".repeat(length)).into_bytes())
    };
    let unending = |fields: &str| Reply::Flood(format!("HTTP/1.1 200 OK\r\n{json}{fields}\r\n").into_bytes());
    for (reply, expected) in [
        (Reply::json(&document), None),
        (
            Reply::with("200 OK", "content-type: APPLICATION/JSON; charset=utf-8\r\n", &document),
            None,
        ),
        (
            Reply::with("200 OK", "content-type: application/jwk-set+json\r\n", &document),
            None,
        ),
        (Reply::json(&long), None),
        (Reply::json(format!("{long} ")), Some(FetchJwksError::TooLong)),
        (chunked(64 * 1024), None),
        (chunked(64 * 1024 + 1), Some(FetchJwksError::TooLong)),
        (unending("content-length: 10485760\r\n"), Some(FetchJwksError::TooLong)),
        (unending(""), Some(FetchJwksError::TooLong)),
        (
            Reply::with("200 OK", "content-type: text/html\r\n", &document),
            Some(FetchJwksError::NotJson),
        ),
        (
            Reply::with("200 OK", "content-type: text/json\r\n", &document),
            Some(FetchJwksError::NotJson),
        ),
        (
            Reply::with("200 OK", "content-type: application/jsonx\r\n", &document),
            Some(FetchJwksError::NotJson),
        ),
        (Reply::with("200 OK", "", &document), Some(FetchJwksError::NotJson)),
        (
            Reply::with("201 Created", json, &document),
            Some(FetchJwksError::Status(201)),
        ),
        (
            Reply::with("203 Other", json, &document),
            Some(FetchJwksError::Status(203)),
        ),
        (
            Reply::with("404 Not Found", json, &document),
            Some(FetchJwksError::Status(404)),
        ),
        (
            Reply::with("500 Error", json, &document),
            Some(FetchJwksError::Status(500)),
        ),
        (
            Reply::with("302 Found", &format!("{json}location: {elsewhere}\r\n"), &document),
            Some(FetchJwksError::Status(302)),
        ),
        (
            Reply::with("308 Moved", &format!("{json}location: {elsewhere}\r\n"), &document),
            Some(FetchJwksError::Status(308)),
        ),
        (
            Reply::Bytes(format!("HTTP/1.1 200 OK\r\n{json}content-length: 9\r\n\r\n{{").into_bytes()),
            Some(FetchJwksError::Body),
        ),
    ] {
        server.say("/keys", reply.clone());
        let error = fetch(at(&server, "/keys")).await.err().map(|error| error.to_string());
        assert_eq!(error, expected.map(|error| error.to_string()), "{reply:.300?}");
    }
    assert!(
        !server.asked().contains(&"/elsewhere".to_owned()),
        "a redirect is not followed"
    );
}

#[tokio::test]
async fn max_age_is_read() {
    let server = Server::tls().await;
    for (fields, expected) in [
        ("", None),
        ("cache-control: max-age=600\r\n", Some(600)),
        ("Cache-Control: public, MAX-AGE=\"600\", s-maxage=1\r\n", Some(600)),
        ("cache-control: public\r\ncache-control: max-age=7\r\n", Some(7)),
        ("cache-control: no-store, max-age=-1\r\n", None),
        ("cache-control: s-maxage=600\r\n", None),
        // As long as it has lain in a cache on the way it is fresh no more.
        ("cache-control: max-age=600\r\nage: 599\r\n", Some(1)),
        ("age: 601\r\ncache-control: max-age=600\r\n", Some(0)),
        ("cache-control: max-age=600\r\nage: x\r\n", Some(600)),
        ("age: 1\r\n", None),
    ] {
        let fields = format!("content-type: application/json\r\n{fields}");
        server.say("/keys", Reply::with("200 OK", &fields, jwks(&[rsa()])));
        let shown = format!("{:?}", fetch(at(&server, "/keys")).await.unwrap());
        let expected = format!("max_age: {:?}", expected.map(Duration::from_secs));
        assert!(shown.contains(&expected), "{fields}: {shown}");
    }
}

/// Where nothing is said any coding may be used (RFC 9110 §12.5.3), and none is understood.
#[tokio::test]
async fn no_coding_is_asked_for_and_no_credential_sent() {
    let server = Server::tls().await;
    server.say("/keys", Reply::json(jwks(&[rsa()])));
    fetch(at(&server, "/keys")).await.unwrap();
    let head = server.heads().concat().to_ascii_lowercase();
    assert!(head.contains("\r\naccept-encoding: identity\r\n"), "{head}");
    assert!(!head.contains("cookie") && !head.contains("authorization"), "{head}");
}

/// What is given up is hung up as well: such a server would hold it for ever.
#[tokio::test]
async fn nothing_is_left_open() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let flood = |more: &str| Reply::Flood(format!("{head}{more}").into_bytes());
    let endings = [
        Reply::json(jwks(&[rsa()])),
        Reply::with("500 Error", "", "x".repeat(1 << 20)),
        Reply::Nothing,
        Reply::Drip(format!("{head}content-length: 60000\r\n\r\n").into_bytes()),
        Reply::Drip(b"HTTP/1.1 200 OK\r\nx:".to_vec()),
        flood("x: "),
        flood("transfer-encoding: chunked\r\n\r\n1;"),
        flood("transfer-encoding: chunked\r\n\r\n0\r\nx:"),
        Reply::Bytes("HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000).into_bytes()),
        Reply::Bytes(format!("{head}{}", "a: b\r\n".repeat(100_000)).into_bytes()),
    ];
    let server = Server::tls().await;
    for reply in endings {
        server.say("/keys", reply.clone());
        let asked = server.asked().len();
        let fetching = tokio::spawn(fetch(at(&server, "/keys")));
        server.requests(asked + 1).await;
        if matches!(reply, Reply::Nothing | Reply::Drip(_)) {
            fetching.abort();
        }
        let is_good = matches!(fetching.await, Ok(Ok(_)));
        assert_eq!(is_good, asked == 0, "{reply:.100?}");
        server.is_idle().await;
    }
}

//! Methods and routes as the application has them, and what only bytes can say of a request.

use crate::client::answer::{Row, answer, check};
use crate::client::raw::Request;
use crate::client::token::Token;
use crate::service::server::Server;
use crate::service::setup::Setup;

/// HEAD is GET without a body, also where it is refused.
#[test]
fn head() {
    for server in Server::each(&Setup::new(&["header", "subdomain"])) {
        let token = Token::of("alice").tenant("acme").sign();
        let get = |target: &str| Request::get(target);
        for request in [
            get("/whoami").tenant("acme").bearer(&token),
            get("/notes").tenant("acme").bearer(&token),
            get("/whoami"),
            get("/whoami").tenant("acme"),
            get("/whoami").tenant("globex").bearer(&token),
            get("/whoami").tenant("").bearer(&token),
            get("/whoami").bearer("a.b.c"),
            get("/whoami").host("a..b"),
            get("/portal").tenant("acme"),
            get("/portal").tenant("nosuch"),
            get("/maybe"),
            get("/healthz"),
        ] {
            let expected = server.exchange(&request);
            let mut connection = server.connect();
            let found = connection.exchange(&request.clone().method("HEAD"));
            assert_eq!(found.status, expected.status, "{request}");
            for field in [
                "content-type",
                "vary",
                "cache-control",
                "www-authenticate",
                "content-length",
            ] {
                assert_eq!(found.value(field), expected.value(field), "{field} of {request}");
            }
            assert!(!connection.has_unread_bytes(), "HEAD has a body: {request}");
            // The connection is still in step.
            assert_eq!(answer(&connection.exchange(&request)), answer(&expected), "{request}");
        }
    }
}

/// A member learns which routes there are, and which methods they have.
#[test]
fn what_the_router_says_to_a_member() {
    for server in Server::each(&Setup::new(&["header"])) {
        let token = Token::of("alice").tenant("acme").sign();
        let of = |method: &str, target: &str| Request::new(method, target).tenant("acme").bearer(&token);
        let mut rows: Vec<Row<'_>> = Vec::new();
        for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            rows.push((of(method, "/whoami"), "405"));
        }
        for target in ["/whoami", "/notes", "/notes/1"] {
            rows.push((of("OPTIONS", target), "405|200|204"));
        }
        for target in ["/nosuch", "/", "/notes/1/2", "/whoami/x"] {
            rows.push((of("GET", target), "404 not_found|404"));
        }
        check(&server, &rows);
    }
}

/// hyper itself refuses control characters and folded lines.
#[test]
fn bytes_that_no_field_has() {
    for server in Server::each(&Setup::new(&["header"])) {
        let token = Token::of("alice").tenant("acme").sign();
        for value in ["acme\0", "ac\x01me", "acme\x7f", "acme\r\n globex"] {
            let request = Request::get("/whoami").bearer(&token).tenant(value);
            check(&server, &[(request, "400")]);
        }
    }
}

/// Trailers are never read.
#[test]
fn trailers() {
    for server in Server::each(&Setup::new(&["header"])) {
        let token = Token::of("alice").tenant("acme").sign();
        let mut connection = server.connect();
        connection.send(
            format!(
                "POST /notes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X-Tenant-ID\r\n\r\n\
             c\r\n{{\"body\":\"x\"}}\r\n0\r\nX-Tenant-ID: acme\r\n\r\n"
            )
            .as_bytes(),
        );
        let response = connection.receive("POST").expect("a response");
        assert_eq!(answer(&response), "401 tenant_required");
    }
}

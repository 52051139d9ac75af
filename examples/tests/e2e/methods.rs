//! HEAD, OPTIONS, upgrades, and fields that would change the method.

use crate::answer::{answer, check};
use crate::raw::Request;
use crate::server::Server;
use crate::setup::Setup;
use crate::token::Token;

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

/// Without a CORS layer outside, OPTIONS is enforced like any other method; also what looks like a preflight.
#[test]
fn options() {
    for server in Server::each(&Setup::new(&["header"])) {
        let token = Token::of("alice").tenant("acme").sign();
        for target in ["/whoami", "/notes", "/notes/1"] {
            let options = || Request::new("OPTIONS", target);
            let preflight = options()
                .field("Origin", "https://evil.example")
                .field("Access-Control-Request-Method", "DELETE");
            check(
                &server,
                &[
                    (options(), "401 tenant_required"),
                    (preflight, "401 tenant_required"),
                    (options().tenant("acme"), "401 credentials_required"),
                    (options().tenant("globex").bearer(&token), "403 forbidden"),
                    (options().tenant("").bearer(&token), "400 malformed_tenant"),
                    (options().tenant("acme").bearer(&token), "405|200|204"),
                ],
            );
        }
    }
}

/// Other methods are enforced before the router says that there are none.
#[test]
fn other_methods() {
    for server in Server::each(&Setup::new(&["header"])) {
        let token = Token::of("alice").tenant("acme").sign();
        for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            let request = || Request::new(method, "/whoami");
            check(
                &server,
                &[
                    (request(), "401 tenant_required"),
                    (request().tenant("globex").bearer(&token), "403 forbidden"),
                    (request().tenant("acme").bearer(&token), "405"),
                ],
            );
        }
    }
}

/// Upgrades are enforced before the 101.
#[test]
fn upgrades() {
    for server in Server::each(&Setup::new(&["header"])) {
        let upgrade = || {
            Request::get("/whoami")
                .field("Connection", "Upgrade")
                .field("Upgrade", "websocket")
                .field("Sec-WebSocket-Version", "13")
                .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        };
        check(
            &server,
            &[
                (upgrade(), "401 tenant_required"),
                (upgrade().tenant("acme"), "401 credentials_required"),
            ],
        );
    }
}

/// `X-HTTP-Method-Override` and its kin change nothing.
#[test]
fn method_override() {
    for server in Server::each(&Setup::new(&["header"])) {
        let token = Token::of("alice").tenant("acme").sign();
        let request = Request::get("/notes")
            .tenant("acme")
            .bearer(&token)
            .field("X-HTTP-Method-Override", "POST")
            .field("X-Method-Override", "DELETE");
        let response = server.exchange(&request);
        assert_eq!((response.status, response.json()), (200, serde_json::json!([])));
    }
}

/// A path that no route has is not there for a member; what it is for others is the application's choice.
#[test]
fn no_route() {
    for server in Server::each(&Setup::new(&["header"])) {
        let token = Token::of("alice").tenant("acme").sign();
        for target in ["/nosuch", "/", "/notes/1/2", "/whoami/x"] {
            let get = || Request::get(target);
            check(
                &server,
                &[
                    (get(), "401 tenant_required|404"),
                    (get().tenant("acme").bearer(&token), "404 not_found|404"),
                ],
            );
        }
    }
}

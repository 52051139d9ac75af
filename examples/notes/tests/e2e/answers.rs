//! Refusals that must not differ by a byte, and what the application's routes add to the rules.

use crate::client::answer::answer;
use crate::client::raw::{Request, Response};
use crate::client::streams::Streams;
use crate::client::token::Token;
use crate::service::server::Server;
use crate::service::setup::Setup;

const ALL: [&str; 4] = ["header", "jwt_claim", "subdomain", "path"];
/// Tenants that are there for nobody.
const ABSENT: [&str; 4] = ["nosuch", "suspended", "archived", "provisioning"];

fn of(tenant: &str) -> String {
    Token::of("alice").tenant(tenant).sign()
}

fn of_none() -> String {
    Token::of("alice").sign()
}

/// The 403s are byte-identical among themselves, less `Date`.
#[test]
fn forbidden_is_one_response() {
    for server in Server::each(&Setup::new(&ALL)) {
        let mut requests = Vec::new();
        for target in ["/whoami", "/notes", "/maybe"] {
            for tenant in ABSENT {
                requests.push(Request::get(target).tenant(tenant).bearer(&of(tenant)));
                requests.push(Request::get(target).tenant(tenant).bearer(&of("acme")));
                requests.push(Request::get(target).bearer(&of(tenant)));
            }
            // The foreign tenant.
            requests.push(Request::get(target).tenant("globex").bearer(&of("acme")));
            requests.push(
                Request::get(target)
                    .host("globex-shop.app.example.com")
                    .tenant("globex")
                    .bearer(&of_none()),
            );
        }
        // Nor does a stranger learn which routes there are, and which methods they have.
        for (method, target) in [
            ("POST", "/whoami"),
            ("OPTIONS", "/notes"),
            ("PATCH", "/notes/1"),
            ("GET", "/nosuch"),
            ("BREW", "/api/v1"),
        ] {
            let request = Request::new(method, target).tenant("acme");
            requests.push(request.bearer(&of("globex")));
        }
        assert_identical(&server, &requests, 403);
    }
}

/// Where two sources name different tenants, the 403 is the one of a stranger.
#[test]
fn a_disagreement_looks_like_a_stranger() {
    for server in Server::each(&Setup::new(&["header", "path"]).resolution(r#"on_conflict = "reject""#)) {
        let requests = [
            Request::get("/api/v1/globex-shop/whoami")
                .tenant("acme")
                .bearer(&of("acme")),
            Request::get("/whoami").tenant("globex").bearer(&of("acme")),
        ];
        assert_identical(&server, &requests, 403);
    }
}

/// The public 404s are byte-identical among themselves, less `Date`.
#[test]
fn public_not_found_is_one_response() {
    for server in Server::each(&Setup::new(&ALL)) {
        let mut requests = vec![Request::get("/portal"), Request::get("/portal").bearer(&of_none())];
        for tenant in ABSENT {
            requests.push(Request::get("/portal").tenant(tenant));
            requests.push(Request::get("/portal").tenant(tenant).bearer(&of(tenant)));
            requests.push(Request::get(&format!("/api/v1/{tenant}/portal")));
            requests.push(Request::get("/portal").host(&format!("{tenant}.app.example.com")));
        }
        assert_identical(&server, &requests, 404);
    }
}

/// By HTTP/1.1 and by HTTP/2, each among themselves.
fn assert_identical(server: &Server, requests: &[Request], status: u16) {
    let streams = Streams::open(server.address);
    let by_http1 = requests.iter().map(|request| server.exchange(request)).collect();
    let by_http2 = requests
        .iter()
        .map(|request| streams.exchange(request.by_http2()).unwrap());
    for responses in [by_http1, by_http2.collect::<Vec<Response>>()] {
        for (request, response) in requests.iter().zip(&responses) {
            assert_eq!(response.status, status, "{request}");
            assert_eq!(response.value("cache-control"), Some("no-store"), "{request}");
            assert_eq!(
                response.raw_less_date.escape_ascii().to_string(),
                responses[0].raw_less_date.escape_ascii().to_string(),
                "{request}"
            );
        }
    }
}

/// The central route is at its own path only, not under the path template.
#[test]
fn the_central_route_is_not_under_the_template() {
    for server in Server::each(&Setup::new(&ALL)) {
        for target in ["/healthz", "/healthz?tenant=acme-inc"] {
            assert_eq!(answer(&server.exchange(&Request::get(target))), "200");
        }
        let nested = server.exchange(&Request::get("/api/v1/acme-inc/healthz"));
        assert_ne!(nested.status, 200, "{nested:?}");
    }
}

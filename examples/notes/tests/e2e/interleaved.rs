//! Tenants that share a connection, or the server at one time, are never mixed.

use std::thread;

use serde_json::json;

use crate::client::answer::answer;
use crate::client::raw::{Connection, Request, Response};
use crate::client::streams::Streams;
use crate::client::token::Token;
use crate::service::server::Server;
use crate::service::setup::Setup;

/// More than a thousand requests of the mixture.
const ROUNDS: usize = 80;

/// Requests of two tenants, and refused ones, each with its answer.
fn mixture() -> Vec<(Request, &'static str)> {
    let alice = Token::of("alice").tenant("acme").sign();
    let bob = Token::of("bob").tenant("globex").sign();
    let get = |target: &str| Request::get(target);
    vec![
        (get("/whoami").tenant("acme").bearer(&alice), "200 acme header"),
        (get("/whoami").tenant("globex").bearer(&bob), "200 globex header"),
        (get("/whoami"), "401 tenant_required"),
        (get("/api/v1/acme-inc/whoami").bearer(&alice), "200 acme path"),
        (get("/whoami").tenant("globex").bearer(&alice), "403 forbidden"),
        (get("/maybe"), "200 -"),
        (get("/api/v1/globex-shop/whoami").bearer(&bob), "200 globex path"),
        (get("/portal").tenant("acme"), "200 acme"),
        (get("/maybe").tenant("globex").bearer(&bob), "200 globex"),
        (get("/whoami").tenant("acme"), "401 credentials_required"),
        (get("/healthz").tenant("acme").bearer(&alice), "200"),
        (get("/portal"), "404 not_found"),
        (get("/whoami").tenant("").bearer(&bob), "400 malformed_tenant"),
    ]
}

/// Which of the mixture is sent, at each step: its neighbours change from round to round.
fn order(offset: usize, length: usize) -> impl Iterator<Item = usize> {
    // A step that shares no factor with the length meets every pair of neighbours.
    (0..ROUNDS * length).map(move |round| (offset + round * (1 + round / length % 5)) % length)
}

fn run(connection: &mut Connection, offset: usize) {
    let mixture = mixture();
    for at in order(offset, mixture.len()) {
        let (request, expected) = &mixture[at];
        assert_eq!(answer(&connection.exchange(request)), *expected, "{request}");
    }
}

fn setup() -> Setup {
    Setup::new(&["header", "path"])
}

#[test]
fn on_one_connection() {
    for server in Server::each(&setup()) {
        run(&mut server.connect(), 0);
    }
}

/// Dozens of streams are under way at one time.
#[test]
fn on_one_http2_connection() {
    for server in Server::each(&setup()) {
        let mixture = mixture();
        let sent: Vec<_> = order(0, mixture.len()).map(|at| &mixture[at]).collect();
        let requests = sent.iter().map(|(request, _)| request.by_http2()).collect();
        let responses = Streams::open(server.address).exchange_all(requests);
        for (response, (request, expected)) in responses.iter().zip(sent) {
            assert_eq!(answer(response), *expected, "{request}");
        }
    }
}

#[test]
fn on_several_connections() {
    for server in Server::each(&setup()) {
        thread::scope(|scope| {
            for offset in 0..6 {
                let address = server.address;
                scope.spawn(move || run(&mut Connection::open(address), offset));
            }
        });
    }
}

/// Requests that do not wait for the responses before them are answered in order, each for its own tenant.
#[test]
fn pipelined() {
    for server in Server::each(&setup()) {
        let mixture = mixture();
        let mut connection = server.connect();
        for round in 0..10 {
            let requests: Vec<_> = (0..30).map(|at| &mixture[(at * 7 + round) % mixture.len()]).collect();
            let bytes: Vec<u8> = requests.iter().flat_map(|(request, _)| request.bytes()).collect();
            connection.send(&bytes);
            for (request, expected) in requests {
                let response = connection.receive("GET").expect("a response");
                assert_eq!(answer(&response), *expected, "{request}");
            }
        }
    }
}

/// Writes of four tenants at one time, by both strategies: each finds its own, and nothing else.
#[test]
fn writes_in_parallel() {
    const EACH: usize = 40;
    for server in Server::each(&setup()) {
        let tenants = ["acme", "globex", "initech", "hooli"];
        thread::scope(|scope| {
            for tenant in tenants.iter().chain(&tenants) {
                let address = server.address;
                scope.spawn(move || {
                    let token = Token::of("alice").tenant(tenant).sign();
                    let mut connection = Connection::open(address);
                    for _ in 0..EACH / 2 {
                        let body = json!({"body": tenant}).to_string();
                        let request = Request::new("POST", "/notes").tenant(tenant).bearer(&token).json(&body);
                        let response = connection.exchange(&request);
                        assert_eq!(response.status, 201, "{tenant}: {}", response.body.escape_ascii());
                        let list = connection
                            .exchange(&Request::get("/notes").tenant(tenant).bearer(&token))
                            .json();
                        assert!(
                            list.as_array().unwrap().iter().all(|note| note["body"] == *tenant),
                            "{tenant}: {list}"
                        );
                    }
                });
            }
        });
        for tenant in tenants {
            let token = Token::of("alice").tenant(tenant).sign();
            let list = server
                .exchange(&Request::get("/notes").tenant(tenant).bearer(&token))
                .json();
            assert_eq!(list.as_array().unwrap().len(), EACH, "{tenant}");
        }
    }
}

/// Writes and reads of four tenants as streams of one connection.
#[test]
fn writes_on_one_http2_connection() {
    const EACH: usize = 20;
    for server in Server::each(&setup()) {
        let streams = Streams::open(server.address);
        let tenants = ["acme", "globex", "initech", "hooli"].map(|tenant| {
            let token = Token::of("alice").tenant(tenant).sign();
            (tenant, token)
        });
        let mut requests = Vec::new();
        for _ in 0..EACH {
            for (tenant, token) in &tenants {
                let body = json!({"body": tenant}).to_string();
                let post = Request::new("POST", "/notes").tenant(tenant).bearer(token).json(&body);
                let get = Request::get("/notes").tenant(tenant).bearer(token);
                requests.extend([post.by_http2(), get.by_http2()]);
            }
        }
        let responses = streams.exchange_all(requests);
        for (pair, (tenant, _)) in responses.chunks(2).zip(tenants.iter().cycle()) {
            assert_eq!(pair[0].status, 201, "{tenant}: {:?}", pair[0]);
            assert_own(tenant, &pair[1]);
        }
        for (tenant, token) in &tenants {
            let get = Request::get("/notes").tenant(tenant).bearer(token);
            let notes = streams.exchange(get.by_http2()).unwrap();
            assert_own(tenant, &notes);
            assert_eq!(notes.json().as_array().unwrap().len(), EACH, "{tenant}");
        }
    }
}

fn assert_own(tenant: &str, notes: &Response) {
    let notes = notes.json();
    let is_own = |note: &serde_json::Value| note["body"] == *tenant;
    assert!(notes.as_array().unwrap().iter().all(is_own), "{tenant}: {notes}");
}

/// A client that goes away in the middle of a request leaves nothing behind.
#[test]
fn abandoned_requests() {
    for server in Server::each(&setup()) {
        let token = Token::of("alice").tenant("acme").sign();
        for _ in 0..50 {
            let mut connection = server.connect();
            let post = format!(
                "POST /notes HTTP/1.1\r\nHost: localhost\r\nX-Tenant-ID: acme\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"body\":"
            );
            connection.send(post.as_bytes());
            drop(connection);
            let mut connection = server.connect();
            connection.send(&Request::get("/notes").tenant("acme").bearer(&token).bytes());
            drop(connection);
        }
        run(&mut server.connect(), 3);
        let list = server
            .exchange(&Request::get("/notes").tenant("acme").bearer(&token))
            .json();
        assert_eq!(list, json!([]));
    }
}

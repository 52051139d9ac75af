//! The path template `/api/v1/{tenant}`.

use crate::answer::{Row, check};
use crate::raw::Request;
use crate::server::Server;
use crate::setup::Setup;
use crate::token::Token;

fn get(target: &str) -> Request {
    Request::get(target).bearer(&Token::of("alice").tenant("acme").sign())
}

/// The tenant's segment is decoded exactly once, then parsed.
#[test]
fn the_segment() {
    for server in Server::each(&Setup::new(&["path"])) {
        let longest = format!("/api/v1/{}/whoami", "x".repeat(63));
        let too_long = format!("/api/v1/{}/whoami", "x".repeat(64));
        let mut rows: Vec<Row<'_>> = vec![
            (get("/api/v1/acme-inc/whoami"), "200 acme path"),
            (get("/api/v1/%61cme-inc/whoami"), "200 acme path"),
            (get("/api/v1/%61%63%6D%65%2d%69nc/whoami"), "200 acme path"),
            // Neither the query nor a fragment is part of the path.
            (get("/api/v1/acme-inc/whoami?/api/v1/globex-shop"), "200 acme path"),
            (get("/api/v1/acme-inc/whoami?tenant=globex-shop"), "200 acme path"),
            (get("/api/v1/globex-shop/whoami"), "403 forbidden"),
            (get("/api/v1/acme/whoami"), "403 forbidden"),
            (get("/api/v1/www/whoami"), "403 forbidden"),
            (get(&longest), "403 forbidden"),
            (get(&too_long), "400 malformed_tenant"),
        ];
        let malformed: Vec<String> = [
            "a%2Fb",
            "a%252Fb",
            "%2561cme-inc",
            ";v=1",
            "acme-inc;v=1",
            "%zz",
            "%",
            "%6",
            "%ff",
            "%00",
            "acme-inc%00",
            "a+b",
            "Acme-inc",
            "%41cme-inc",
            "acme-inc%20",
            "%09acme-inc",
            "acme.inc",
            "acme,globex",
            "%c3%a9",
            "*",
            "$",
            "@",
            "acme:inc",
            "~acme",
            "acme-inc%0d%0aX:%20y",
            "-acme",
            "_acme",
            "a=b",
            "!",
            "(acme)",
        ]
        .map(|segment| format!("/api/v1/{segment}/whoami"))
        .to_vec();
        for target in &malformed {
            rows.push((get(target), "400 malformed_tenant"));
        }
        check(&server, &rows);
    }
}

/// Literal segments match whole, case-sensitively, anchored at the start: else no route, or no match.
#[test]
fn the_literals() {
    for server in Server::each(&Setup::new(&["path"])) {
        let mut rows: Vec<Row<'_>> = vec![(get("/whoami"), "401 tenant_required")];
        for target in [
            "/api/v1x/acme-inc/whoami",
            "//api/v1/acme-inc/whoami",
            "/API/v1/acme-inc/whoami",
            "/api/V1/acme-inc/whoami",
            "/x/api/v1/acme-inc/whoami",
            "/api//v1/acme-inc/whoami",
            "/%61pi/v1/acme-inc/whoami",
            "/api/v1",
            "/api/v1/",
        ] {
            // No match. Where the router has no such route either, the rest is not ours to say.
            rows.push((get(target), "401 tenant_required|404"));
        }
        check(&server, &rows);
    }
}

/// A dot segment anywhere in a path that matches the template, or an empty tenant segment: 400, unless the router finds
/// no route and so no mark. Never admitted.
#[test]
fn dot_segments_and_empty_ones() {
    for server in Server::each(&Setup::new(&["path"])) {
        let mut rows: Vec<Row<'_>> = vec![
            // These have a route.
            (get("/api/v1/./whoami"), "400 malformed_tenant"),
            (get("/api/v1/../whoami"), "400 malformed_tenant"),
            (get("/api/v1/%2e/whoami"), "400 malformed_tenant"),
            (get("/api/v1/%2e%2e/whoami"), "400 malformed_tenant"),
            (get("/api/v1/.%2E/whoami"), "400 malformed_tenant"),
            (get("/api/v1/acme-inc/notes/.."), "400 malformed_tenant"),
            (get("/api/v1/acme-inc/notes/%2e%2E"), "400 malformed_tenant"),
            (get("/api/v1/acme-inc/notes/."), "400 malformed_tenant"),
        ];
        for target in [
            "/api/v1//whoami",
            "/api/v1//x",
            "/api/v1/acme-inc/../whoami",
            "/api/v1/acme-inc/../globex-shop/whoami",
            "/api/v1/globex-shop/../acme-inc/whoami",
            "/api/v1/acme-inc/%2e%2e/whoami",
            "/api/v1/acme-inc/./whoami",
            "/api/../api/v1/acme-inc/whoami",
        ] {
            // These have none, so it is the application's choice what stands there.
            rows.push((get(target), "400 malformed_tenant|401 tenant_required|404"));
        }
        check(&server, &rows);
    }
}

/// Every route is there under the template, with the tenant from the path as the client sent it.
#[test]
fn all_routes() {
    for server in Server::each(&Setup::new(&["path"])) {
        check(
            &server,
            &[
                (get("/api/v1/acme-inc/whoami"), "200 acme path"),
                (get("/api/v1/acme-inc/maybe"), "200 acme"),
                (get("/api/v1/acme-inc/portal"), "200 acme"),
                (get("/api/v1/acme-inc/notes"), "200"),
                (get("/api/v1/acme-inc/healthz"), "404 not_found|404"),
                (Request::get("/api/v1/acme-inc/notes"), "401 credentials_required"),
                (get("/maybe"), "200 -"),
                (get("/portal"), "404 not_found"),
            ],
        );
    }
}

/// Another template.
#[test]
fn another_template() {
    let setup = Setup::new(&["path"]).without("path_template");
    for server in Server::each(&setup.resolution(r#"path_template = "/t/{tenant}""#)) {
        check(
            &server,
            &[
                (get("/t/acme-inc/whoami"), "200 acme path"),
                (get("/t/Acme/whoami"), "400 malformed_tenant"),
                (get("/api/v1/acme-inc/whoami"), "401 tenant_required|404"),
            ],
        );
    }
}

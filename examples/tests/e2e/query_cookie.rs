//! The query parameter and the cookie: off unless configured.

use crate::answer::{Row, check};
use crate::raw::Request;
use crate::server::Server;
use crate::setup::Setup;
use crate::token::Token;

fn get(target: &str) -> Request {
    Request::get(target).bearer(&Token::of("alice").tenant("acme").sign())
}

#[test]
fn query() {
    for server in Server::each(&Setup::new(&["query"])) {
        let mut rows: Vec<Row<'_>> = vec![
            (get("/whoami?tenant=acme-inc"), "200 acme query"),
            (get("/whoami?a=b&tenant=acme-inc&c"), "200 acme query"),
            (get("/whoami?tenant=%61cme%2Dinc"), "200 acme query"),
            (get("/whoami?tenant=globex-shop"), "403 forbidden"),
        ];
        for silent in [
            "/whoami",
            "/whoami?",
            "/whoami?Tenant=acme-inc",
            "/whoami?tenants=acme-inc",
            "/whoami?x=tenant",
            "/whoami?&&",
        ] {
            rows.push((get(silent), "401 tenant_required"));
        }
        for malformed in [
            "/whoami?tenant=",
            "/whoami?tenant",
            "/whoami?tenant=acme-inc&tenant=acme-inc",
            "/whoami?tenant=acme-inc&tenant=",
            "/whoami?tenant=acme-inc&tenant",
            "/whoami?tenant=Acme-inc",
            "/whoami?tenant=acme-inc+",
            "/whoami?tenant=acme-inc%20",
            "/whoami?tenant=%2561cme-inc",
            "/whoami?tenant=%zz",
            "/whoami?tenant=%ff",
            "/whoami?tenant=%00",
            "/whoami?tenant=acme-inc,globex-shop",
            "/whoami?tenant=acme-inc;x",
            "/whoami?tenant==acme-inc",
            "/whoami?tenant=../acme-inc",
        ] {
            rows.push((get(malformed), "400 malformed_tenant"));
        }
        check(&server, &rows);
    }
}

#[test]
fn another_parameter() {
    let setup = Setup::new(&["query"]).without("query_parameter");
    for server in Server::each(&setup.resolution(r#"query_parameter = "org""#)) {
        check(
            &server,
            &[
                (get("/whoami?org=acme-inc"), "200 acme query"),
                (get("/whoami?tenant=acme-inc"), "401 tenant_required"),
            ],
        );
    }
}

#[test]
fn cookie() {
    for server in Server::each(&Setup::new(&["cookie"])) {
        let with = |cookie: &str| get("/whoami").field("Cookie", cookie);
        let mut rows: Vec<Row<'_>> = vec![
            (get("/whoami"), "401 tenant_required"),
            (with("tenant=acme-inc"), "200 acme cookie"),
            (with("a=b; tenant=acme-inc; c=d"), "200 acme cookie"),
            (with("a=b;tenant=acme-inc"), "200 acme cookie"),
            (with("tenant=globex-shop"), "403 forbidden"),
            (with("Tenant=acme-inc"), "401 tenant_required"),
            (with("xtenant=acme-inc"), "401 tenant_required"),
            (with("a=tenant=acme-inc"), "401 tenant_required"),
            // Several fields are one list.
            (with("a=b").field("Cookie", "tenant=acme-inc"), "200 acme cookie"),
            (
                with("tenant=acme-inc").field("Cookie", "tenant=acme-inc"),
                "400 malformed_tenant",
            ),
        ];
        for malformed in [
            "tenant=",
            "tenant=acme-inc; tenant=acme-inc",
            "tenant=acme-inc; tenant=globex-shop",
            "tenant=acme-inc; tenant=",
            "tenant=Acme-inc",
            "tenant=acme%2Dinc",
            "tenant=acme inc",
            "tenant=acme-inc,globex-shop",
            "tenant=a.b",
        ] {
            rows.push((with(malformed), "400 malformed_tenant"));
        }
        rows.push((
            get("/whoami").field("Cookie", b"tenant=acme\xff"),
            "400 malformed_tenant",
        ));
        check(&server, &rows);
    }
}

#[test]
fn another_cookie() {
    let setup = Setup::new(&["cookie"]).without("cookie_name");
    for server in Server::each(&setup.resolution(r#"cookie_name = "__Host-org""#)) {
        let with = |cookie: &str| get("/whoami").field("Cookie", cookie);
        check(
            &server,
            &[
                (with("__Host-org=acme-inc"), "200 acme cookie"),
                (with("tenant=acme-inc; tenant="), "401 tenant_required"),
            ],
        );
    }
}

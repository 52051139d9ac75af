//! Forwarding fields with a number of trusted hops: the n-th entry from the right replaces the authority.

use crate::answer::{Row, check};
use crate::raw::Request;
use crate::server::Server;
use crate::setup::Setup;
use crate::token::Token;

const ACME: &str = "acme-inc.app.example.com";
const GLOBEX: &str = "globex-shop.app.example.com";

fn get() -> Request {
    Request::get("/whoami").bearer(&Token::of("alice").tenant("acme").sign())
}

fn setup(field: &str, hops: u8) -> Setup {
    Setup::new(&["subdomain"])
        .resolution(&format!("forwarded_header = {field:?}"))
        .resolution(&format!("trusted_hops = {hops}"))
}

#[test]
fn x_forwarded_host_one_hop() {
    for server in Server::each(&setup("x-forwarded-host", 1)) {
        let with = |value: &str| get().field("X-Forwarded-Host", value);
        let mut rows: Vec<Row<'_>> = vec![
            (with(ACME), "200 acme subdomain"),
            (with(ACME).host(GLOBEX), "200 acme subdomain"),
            (with("ACME-inc.app.example.com.:8443"), "200 acme subdomain"),
            // What stands further left is the client's own, and ignored.
            (with(&format!("{GLOBEX}, {ACME}")), "200 acme subdomain"),
            (with(&format!("a..b,, {ACME}")), "200 acme subdomain"),
            (with(GLOBEX).field("X-Forwarded-Host", ACME), "200 acme subdomain"),
            (with(&format!("{ACME}, {GLOBEX}")), "403 forbidden"),
            (with("app.example.com").host(ACME), "401 tenant_required"),
            // The other forwarding field stays ignored.
            (with(ACME).field("Forwarded", "host=a..b"), "200 acme subdomain"),
        ];
        for malformed in [
            "",
            " ",
            "a..b",
            "acme-inc.app.example.com,",
            "u@acme-inc.app.example.com",
            "acme-inc.app.example.com:80x",
        ] {
            rows.push((with(malformed).host(ACME), "400 malformed_host"));
        }
        // Fewer entries than hops: the request did not come through the proxy.
        rows.push((get().host(ACME), "400 malformed_host"));
        check(&server, &rows);
    }
}

#[test]
fn x_forwarded_host_two_hops() {
    for server in Server::each(&setup("x-forwarded-host", 2)) {
        let with = |value: &str| get().field("X-Forwarded-Host", value);
        check(
            &server,
            &[
                (with(&format!("{ACME}, proxy.internal")), "200 acme subdomain"),
                (
                    with(ACME).field("X-Forwarded-Host", "proxy.internal"),
                    "200 acme subdomain",
                ),
                (with(&format!("{GLOBEX}, {ACME}, a..b")), "200 acme subdomain"),
                (with(ACME), "400 malformed_host"),
                (with(&format!("{ACME},, proxy.internal")), "400 malformed_host"),
                (with(&format!(", {ACME}")), "400 malformed_host"),
            ],
        );
    }
}

#[test]
fn forwarded() {
    for server in Server::each(&setup("forwarded", 1)) {
        let with = |value: &str| get().field("Forwarded", value);
        check(
            &server,
            &[
                (with("host=acme-inc.app.example.com"), "200 acme subdomain"),
                (
                    with("for=192.0.2.1;Host=\"acme-inc.app.example.com:443\";proto=https"),
                    "200 acme subdomain",
                ),
                (
                    with("for=\"[2001:db8::1]:1\", for=192.0.2.1; host=acme-inc.app.example.com"),
                    "200 acme subdomain",
                ),
                (with(&format!("host={GLOBEX}, host={ACME}")), "200 acme subdomain"),
                (with(&format!("host={ACME}, host={GLOBEX}")), "403 forbidden"),
                // A comma in a quoted string separates nothing.
                (
                    with(&format!("for=\"a, host={GLOBEX}\";host={ACME}")),
                    "200 acme subdomain",
                ),
                (with("for=192.0.2.1").host(ACME), "400 malformed_host"),
                (with("host=").host(ACME), "400 malformed_host"),
                (with(&format!("host={ACME};host={ACME}")), "400 malformed_host"),
                (with("").host(ACME), "400 malformed_host"),
                (get().host(ACME), "400 malformed_host"),
                (
                    with(&format!("host={ACME}")).field("X-Forwarded-Host", GLOBEX),
                    "200 acme subdomain",
                ),
            ],
        );
    }
}

#[test]
fn domain_by_forwarding() {
    let setup = Setup::new(&["domain"])
        .resolution(r#"forwarded_header = "x-forwarded-host""#)
        .resolution("trusted_hops = 1");
    for server in Server::each(&setup) {
        check(
            &server,
            &[
                (get().field("X-Forwarded-Host", "acme-corp.example"), "200 acme domain"),
                (get().host("acme-corp.example"), "400 malformed_host"),
            ],
        );
    }
}

//! Host and authority: subdomain and domain.

use crate::answer::{Row, answer, check};
use crate::raw::Request;
use crate::server::Server;
use crate::setup::Setup;
use crate::token::Token;

fn get(host: &str) -> Request {
    Request::get("/whoami")
        .host(host)
        .bearer(&Token::of("alice").tenant("acme").sign())
}

/// Hosts that are malformed for any host resolver.
fn malformed_hosts() -> Vec<String> {
    let mut hosts: Vec<String> = [
        "",
        " ",
        "user@acme-inc.app.example.com",
        "user:pw@acme-inc.app.example.com",
        "acme-inc.app.example.com,globex-shop.app.example.com",
        "acme-inc.app.example.com, x",
        ".",
        "..",
        ".app.example.com",
        "acme-inc..app.example.com",
        "acme-inc.app.example.com..",
        "acme inc.app.example.com",
        "acme-inc.app.example.com:99999",
        "acme-inc.app.example.com:65536",
        "acme-inc.app.example.com:80x",
        "acme-inc.app.example.com:-1",
        "acme-inc.app.example.com:+80",
        "acme-inc.app.example.com: 80",
        "acme-inc.app.example.com:80:80",
        "acme-inc.app.example.com::80",
        "::1",
        "[::1",
        "::1]",
        "[::1]x",
        "x[::1]",
        "[]",
        "[::1]:80x",
        "acme-inc.app.example.com]",
        "acme%2dinc.app.example.com",
        "%61cme-inc.app.example.com",
        "\u{e9}.app.example.com",
        "acme-inc.app.example.com/x",
        "acme-inc.app.example.com?x",
        "acme-inc.app.example.com#x",
        "http://acme-inc.app.example.com",
        "acme-inc.app.example.com;x",
        "acme-inc!.app.example.com",
        "*.app.example.com",
        "\"acme-inc\".app.example.com",
        "acme-inc\\.app.example.com",
        ":80",
        "acme-inc\u{3002}app.example.com",
    ]
    .map(str::to_owned)
    .to_vec();
    hosts.push(format!("{}.app.example.com", "x".repeat(64)));
    hosts.push(format!("{}.example", ["x".repeat(60).as_str(); 5].join(".")));
    hosts
}

#[test]
fn subdomain() {
    for server in Server::each(&Setup::new(&["subdomain"])) {
        let longest = format!("{}.app.example.com", "x".repeat(63));
        let mut rows: Vec<Row<'_>> = vec![
            (get("acme-inc.app.example.com"), "200 acme subdomain"),
            // Normalised: lower case, no port, one trailing dot.
            (get("ACME-Inc.App.Example.COM"), "200 acme subdomain"),
            (get("acme-inc.app.example.com:3000"), "200 acme subdomain"),
            (get("acme-inc.app.example.com:"), "200 acme subdomain"),
            (get("acme-inc.app.example.com:0"), "200 acme subdomain"),
            (get("acme-inc.app.example.com:65535"), "200 acme subdomain"),
            (get("acme-inc.app.example.com."), "200 acme subdomain"),
            (get("acme-inc.app.example.com.:80"), "200 acme subdomain"),
            (get("\t acme-inc.app.example.com "), "200 acme subdomain"),
            (get(&longest), "403 forbidden"),
            (get("xn--bcher-kva.app.example.com"), "403 forbidden"),
            (get("0.app.example.com"), "403 forbidden"),
            // A label that is no host name of RFC 1035 ends the request.
            (get("-x.app.example.com"), "400 malformed_tenant"),
            (get("x-.app.example.com"), "400 malformed_tenant"),
            (get("a_b.app.example.com"), "400 malformed_tenant"),
            (get("_x.app.example.com"), "400 malformed_tenant"),
        ];
        for no_match in [
            // The apex, addresses, strangers' names, two labels.
            "app.example.com",
            "APP.example.com.",
            "app.example.com:80",
            "127.0.0.1",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:3000",
            "[::]:",
            "localhost",
            "example.com",
            "evilapp.example.com",
            "acme-incapp.example.com",
            "acme-inc.app.example.com.evil.net",
            "acme-inc.example.com",
            "a.acme-inc.app.example.com",
            "acme-inc.b.app.example.com",
            "-.acme-inc.app.example.com",
            // Reserved.
            "www.app.example.com",
            "WWW.app.example.com",
            "admin.app.example.com",
            "api.app.example.com",
            "app.app.example.com",
            "mail.app.example.com",
            "static.app.example.com",
            "localhost.app.example.com",
        ] {
            rows.push((get(no_match), "401 tenant_required"));
        }
        let malformed = malformed_hosts();
        for host in &malformed {
            // hyper itself refuses what is no authority at all in a request target, but reads `Host` as text.
            rows.push((get(host), "400 malformed_host"));
        }
        check(&server, &rows);
    }
}

/// The whole name is the key, for names not under the base and not the base.
#[test]
fn domain() {
    for server in Server::each(&Setup::new(&["domain"])) {
        let mut rows: Vec<Row<'_>> = vec![
            (get("acme-corp.example"), "200 acme domain"),
            (get("ACME-Corp.EXAMPLE.:443"), "200 acme domain"),
            (get("acme-corp.example:"), "200 acme domain"),
            (get("globex.example"), "403 forbidden"),
            (get("shop.globex.example"), "403 forbidden"),
            // A name of nobody's, and one under a tenant's.
            (get("nobody.example"), "403 forbidden"),
            (get("www.acme-corp.example"), "403 forbidden"),
            (get("example"), "403 forbidden"),
            (get("localhost"), "403 forbidden"),
            // The base and what is under it are no match; neither are addresses.
            (get("app.example.com"), "401 tenant_required"),
            (get("acme-inc.app.example.com"), "401 tenant_required"),
            (get("a.b.app.example.com"), "401 tenant_required"),
            (get("10.0.0.1"), "401 tenant_required"),
            (get("[2001:db8::1]:443"), "401 tenant_required"),
        ];
        let malformed = malformed_hosts();
        for host in &malformed {
            rows.push((get(host), "400 malformed_host"));
        }
        check(&server, &rows);
        // Two domains, one tenant.
        let bob = Token::of("bob").tenant("globex").sign();
        for host in ["globex.example", "shop.globex.example"] {
            let request = Request::get("/whoami").host(host).bearer(&bob);
            check(&server, &[(request, "200 globex domain")]);
        }
    }
}

/// HTTP/1.1 without `Host` or with two, even equal; a target's authority that differs from `Host`.
#[test]
fn authority() {
    for server in Server::each(&Setup::new(&["subdomain"])) {
        let token = Token::of("alice").tenant("acme").sign();
        let host = "acme-inc.app.example.com";
        let absolute = |target: &str| Request::get(target).bearer(&token);
        check(
            &server,
            &[
                (get("").without_host(), "400 malformed_host|400"),
                (get(host).field("Host", host), "400 malformed_host|400"),
                (get(host).field("host", "app.example.com"), "400 malformed_host|400"),
                (
                    absolute("http://acme-inc.app.example.com/whoami").host(host),
                    "200 acme subdomain",
                ),
                (
                    absolute("http://ACME-inc.app.example.com:80/whoami").host(host),
                    "200 acme subdomain",
                ),
                (
                    absolute("http://acme-inc.app.example.com/whoami").host("globex-shop.app.example.com"),
                    "400 malformed_host",
                ),
                (
                    absolute("http://app.example.com/whoami").host(host),
                    "400 malformed_host",
                ),
                (
                    absolute("http://acme-inc.app.example.com/whoami").host(""),
                    "400 malformed_host",
                ),
                // hyper itself may refuse user information in a target.
                (
                    absolute("http://u@acme-inc.app.example.com/whoami").host(host),
                    "400 malformed_host|400",
                ),
                // Forwarding fields are ignored.
                (
                    get("app.example.com").field("X-Forwarded-Host", host),
                    "401 tenant_required",
                ),
                (
                    get("app.example.com").field("Forwarded", "host=acme-inc.app.example.com"),
                    "401 tenant_required",
                ),
                (
                    get("app.example.com").field("X-Original-Host", host),
                    "401 tenant_required",
                ),
                (get(host).field("X-Forwarded-Host", "a..b"), "200 acme subdomain"),
            ],
        );
    }
}

/// HTTP/1.0 may come without `Host`: then no host resolver matches.
#[test]
fn http10() {
    for server in Server::each(&Setup::new(&["subdomain", "header"])) {
        let request = get("").without_host().http10();
        check(
            &server,
            &[
                (request.clone(), "401 tenant_required"),
                (request.clone().tenant("acme"), "200 acme header"),
                (get("acme-inc.app.example.com").http10(), "200 acme subdomain"),
                (get("a..b").http10(), "400 malformed_host"),
                (get("").http10(), "400 malformed_host"),
            ],
        );
    }
}

/// A configured list of reserved names replaces the default one.
#[test]
fn reserved() {
    let setup = Setup::new(&["subdomain"])
        .resolution(r#"reserved = ["intern", "acme-shop"]"#)
        .tenants("[[tenants]]\nid = \"api\"\nname = \"API\"\nstatus = \"active\"\nstrategy = \"row\"\nmembers = []\n");
    for server in Server::each(&setup) {
        let token = Token::of("alice").tenant("api").sign();
        check(
            &server,
            &[
                (get("intern.app.example.com"), "401 tenant_required"),
                (get("acme-shop.app.example.com"), "401 tenant_required"),
                (get("www.app.example.com"), "403 forbidden"),
                (
                    Request::get("/whoami").host("api.app.example.com").bearer(&token),
                    "200 api subdomain",
                ),
            ],
        );
    }
}

/// `OPTIONS *` and `CONNECT` name no tenant, and the server lives on.
#[test]
fn targets_without_a_path() {
    for resolvers in [&["subdomain"][..], &["path", "domain"], &["header"]] {
        for server in Server::each(&Setup::new(resolvers)) {
            let host = "acme-inc.app.example.com";
            for request in [
                Request::new("OPTIONS", "*").host(host),
                Request::new("CONNECT", "acme-inc.app.example.com:443").host(host),
                Request::new("CONNECT", "a..b:443").host(host),
            ] {
                let status = server.exchange(&request).status;
                assert!(
                    (200..500).contains(&status) && !(300..400).contains(&status),
                    "{status} for {request}"
                );
            }
            let alive = server.exchange(&Request::get("/healthz"));
            assert_eq!(answer(&alive), "200");
        }
    }
}

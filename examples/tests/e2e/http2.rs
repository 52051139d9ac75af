//! HTTP/2 with prior knowledge, on the port that speaks HTTP/1.1.

use bytes::Bytes;
use http::{Method, Version};

use crate::answer::answer;
use crate::server::Server;
use crate::setup::Setup;
use crate::streams::Streams;
use crate::token::Token;

/// A request by target and fields, and its answer.
type Row = (&'static str, Vec<(&'static str, String)>, &'static str);

/// Sends all on one connection, as clients do.
fn check(server: &Server, rows: &[Row]) {
    let streams = Streams::open(server.address);
    for (target, fields, expected) in rows {
        let response = streams.exchange(request(target, fields)).unwrap();
        assert_eq!(answer(&response), *expected, "{target} {fields:?}");
    }
}

fn request(target: &str, fields: &[(&str, String)]) -> http::Request<Bytes> {
    // A target without authority is sent without `:authority`, as a proxy in front of an HTTP/1.1 client does.
    let version = if target.starts_with('/') {
        Version::HTTP_11
    } else {
        Version::HTTP_2
    };
    let mut request = http::Request::builder()
        .method(Method::GET)
        .uri(target)
        .version(version);
    for (name, value) in fields {
        request = request.header(*name, value.as_bytes());
    }
    request.body(Bytes::new()).unwrap()
}

fn bearer(tenant: &str) -> (&'static str, String) {
    (
        "authorization",
        format!("Bearer {}", Token::of("alice").tenant(tenant).sign()),
    )
}

fn field(name: &'static str, value: &str) -> (&'static str, String) {
    (name, value.to_owned())
}

const PLAIN: &str = "http://localhost/whoami";

/// `h2` does not trim values: we do.
#[test]
fn the_header() {
    for server in Server::each(&Setup::new(&["header"])) {
        let tenant = |value: &str| field("x-tenant-id", value);
        check(
            &server,
            &[
                (PLAIN, vec![], "401 tenant_required"),
                (PLAIN, vec![tenant("acme")], "401 credentials_required"),
                (PLAIN, vec![tenant("acme"), bearer("acme")], "200 acme header"),
                (PLAIN, vec![tenant(" \tacme  "), bearer("acme")], "200 acme header"),
                (PLAIN, vec![tenant("globex"), bearer("globex")], "200 globex header"),
                (PLAIN, vec![tenant("globex"), bearer("acme")], "403 forbidden"),
                (
                    PLAIN,
                    vec![tenant("acme"), tenant("acme"), bearer("acme")],
                    "400 malformed_tenant",
                ),
                (PLAIN, vec![tenant("  "), bearer("acme")], "400 malformed_tenant"),
                (
                    PLAIN,
                    vec![tenant("acme"), bearer("acme"), bearer("acme")],
                    "400 malformed_credentials",
                ),
                (
                    PLAIN,
                    vec![tenant("acme"), field("authorization", "Bearer a.b.c")],
                    "401 invalid_token",
                ),
                ("http://localhost/portal", vec![tenant("acme")], "200 acme"),
                ("http://localhost/portal", vec![tenant("nosuch")], "404 not_found"),
                ("http://localhost/maybe", vec![], "200 -"),
                ("http://localhost/healthz", vec![], "200"),
            ],
        );
    }
}

/// `:authority`, else `Host`; both and different, or neither: 400.
#[test]
fn the_authority() {
    for server in Server::each(&Setup::new(&["subdomain"])) {
        let acme = "http://acme-inc.app.example.com/whoami";
        check(
            &server,
            &[
                (acme, vec![bearer("acme")], "200 acme subdomain"),
                (
                    "http://ACME-inc.app.example.com:3000/whoami",
                    vec![bearer("acme")],
                    "200 acme subdomain",
                ),
                (
                    "http://globex-shop.app.example.com/whoami",
                    vec![bearer("acme")],
                    "403 forbidden",
                ),
                (
                    "http://app.example.com/whoami",
                    vec![bearer("acme")],
                    "401 tenant_required",
                ),
                (
                    acme,
                    vec![field("host", "acme-inc.app.example.com"), bearer("acme")],
                    "200 acme subdomain",
                ),
                (
                    acme,
                    vec![field("host", "ACME-inc.app.example.com.:80"), bearer("acme")],
                    "200 acme subdomain",
                ),
                (
                    acme,
                    vec![field("host", "globex-shop.app.example.com"), bearer("acme")],
                    "400 malformed_host",
                ),
                (
                    acme,
                    vec![field("host", "app.example.com"), bearer("acme")],
                    "400 malformed_host",
                ),
                ("http://a..b/whoami", vec![bearer("acme")], "400 malformed_host"),
                (
                    "http://acme-inc.app.example.com:99999/whoami",
                    vec![bearer("acme")],
                    "400 malformed_host",
                ),
                (
                    "/whoami",
                    vec![field("host", "acme-inc.app.example.com"), bearer("acme")],
                    "200 acme subdomain",
                ),
                ("/whoami", vec![bearer("acme")], "400 malformed_host"),
            ],
        );
    }
}

/// `Cookie` fields that HTTP/2 split are one list.
#[test]
fn cookies() {
    for server in Server::each(&Setup::new(&["cookie"])) {
        let cookie = |value: &str| field("cookie", value);
        check(
            &server,
            &[
                (
                    PLAIN,
                    vec![cookie("a=b"), cookie("tenant=acme-inc"), cookie("c=d"), bearer("acme")],
                    "200 acme cookie",
                ),
                (
                    PLAIN,
                    vec![cookie("tenant=acme-inc"), cookie("tenant=acme-inc"), bearer("acme")],
                    "400 malformed_tenant",
                ),
            ],
        );
    }
}

/// The path is the client's own, and resolves as on HTTP/1.1.
#[test]
fn the_path() {
    for server in Server::each(&Setup::new(&["path"])) {
        check(
            &server,
            &[
                (
                    "http://localhost/api/v1/acme-inc/whoami",
                    vec![bearer("acme")],
                    "200 acme path",
                ),
                (
                    "http://localhost/api/v1/a%2Fb/whoami",
                    vec![bearer("acme")],
                    "400 malformed_tenant",
                ),
                ("http://localhost/whoami", vec![bearer("acme")], "401 tenant_required"),
            ],
        );
    }
}

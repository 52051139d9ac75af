//! HTTP/2 with prior knowledge, on the port that speaks HTTP/1.1.

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Version};

use crate::server::Server;
use crate::setup::Setup;
use crate::token::Token;

/// A request by target and fields, and its answer as of HTTP/1.1: status, then tenant or code.
type Row = (&'static str, Vec<(&'static str, String)>, &'static str);

fn check(server: &Server, rows: &[Row]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        // All on one connection, as clients do.
        let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        for (target, fields, expected) in rows {
            let found = exchange(&mut client, target, fields).await;
            assert_eq!(found, *expected, "{target} {fields:?}");
        }
    });
}

async fn exchange(client: &mut SendRequest<Bytes>, target: &str, fields: &[(&str, String)]) -> String {
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
    std::future::poll_fn(|context| client.poll_ready(context))
        .await
        .unwrap();
    let (response, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
    let mut response = response.await.unwrap();
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.body_mut().data().await {
        let chunk = chunk.unwrap();
        body.extend_from_slice(&chunk);
        let _ = response.body_mut().flow_control().release_capacity(chunk.len());
    }
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let told = body
        .get("tenant")
        .or(body.get("code"))
        .and_then(serde_json::Value::as_str);
    format!("{status} {}", told.unwrap_or("-"))
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
                (PLAIN, vec![tenant("acme"), bearer("acme")], "200 acme"),
                (PLAIN, vec![tenant(" \tacme  "), bearer("acme")], "200 acme"),
                (PLAIN, vec![tenant("globex"), bearer("globex")], "200 globex"),
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
                ("http://localhost/healthz", vec![], "200 -"),
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
                (acme, vec![bearer("acme")], "200 acme"),
                (
                    "http://ACME-inc.app.example.com:3000/whoami",
                    vec![bearer("acme")],
                    "200 acme",
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
                    "200 acme",
                ),
                (
                    acme,
                    vec![field("host", "ACME-inc.app.example.com.:80"), bearer("acme")],
                    "200 acme",
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
                    "200 acme",
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
                    "200 acme",
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
                    "200 acme",
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

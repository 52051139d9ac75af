//! The tenant header.

use crate::answer::{Row, answer, check};
use crate::raw::Request;
use crate::server::Server;
use crate::setup::Setup;
use crate::token::Token;

fn get() -> Request {
    Request::get("/whoami").bearer(&Token::of("alice").tenant("acme").sign())
}

/// Absent, repeated, empty, white space, and bytes outside the alphabet of an id.
#[test]
fn values() {
    for server in Server::each(&Setup::new(&["header"])) {
        let longest = "x".repeat(63);
        let too_long = "x".repeat(64);
        let mut rows: Vec<Row<'_>> = vec![
            (get(), "401 tenant_required"),
            (get().tenant("acme"), "200 acme header"),
            // Optional white space is trimmed.
            (get().tenant("  acme\t "), "200 acme header"),
            (get().tenant("\t\tacme"), "200 acme header"),
            // A field's name is case-insensitive.
            (get().field("x-TENANT-id", "acme"), "200 acme header"),
            // Two fields, even equal.
            (get().tenant("acme").tenant("acme"), "400 malformed_tenant"),
            (
                get().tenant("acme").field("x-tenant-id", "globex"),
                "400 malformed_tenant",
            ),
            (get().tenant("acme").tenant(""), "400 malformed_tenant"),
            (get().tenant(&longest), "403 forbidden"),
            (get().tenant(&too_long), "400 malformed_tenant"),
            (get().tenant("x".repeat(5000)), "400 malformed_tenant"),
            (get().tenant("0"), "403 forbidden"),
            (get().tenant("a-b_c"), "403 forbidden"),
            // Another field.
            (get().field("X_Tenant_ID", "acme"), "401 tenant_required"),
            (get().field("X-Tenant-ID-", "acme"), "401 tenant_required"),
            // hyper itself refuses control characters and folded lines.
            (get().tenant("acme\0"), "400"),
            (get().tenant("ac\x01me"), "400"),
            (get().tenant("acme\x7f"), "400"),
            (get().tenant("acme\r\n globex"), "400"),
        ];
        for malformed in [
            "",
            " ",
            "\t",
            " \t ",
            "Acme",
            "ACME",
            "acme,globex",
            "acme, acme",
            "acme;v=1",
            "ac me",
            "ac\tme",
            "a.b",
            "a/b",
            "../acme",
            "acme%00",
            "%61cme",
            "\"acme\"",
            "*",
            "-acme",
            "_acme",
            "acme:",
            "null ",
            "a+b",
            "acme\u{e9}",
            "\u{430}cme",
            "acme\u{200b}",
            "{\"id\":\"acme\"}",
            "acme'--",
        ] {
            if malformed != "null " {
                rows.push((get().tenant(malformed), "400 malformed_tenant"));
            }
        }
        rows.push((get().tenant(b"acme\xff"), "400 malformed_tenant"));
        rows.push((get().tenant(b"\xc3\x28"), "400 malformed_tenant"));
        check(&server, &rows);
    }
}

/// A slug has the id's alphabet; an external id has its own, and is case-sensitive.
#[test]
fn values_of_other_forms() {
    for slug in Server::each(&Setup::new(&["header"]).resolution(r#"header_form = "slug""#)) {
        check(
            &slug,
            &[
                (get().tenant(" acme-inc "), "200 acme header"),
                (get().tenant("Acme-inc"), "400 malformed_tenant"),
                (get().tenant("acme.inc"), "400 malformed_tenant"),
            ],
        );
    }
    let longest = "x".repeat(128);
    let too_long = "x".repeat(129);
    for external in Server::each(&Setup::new(&["header"]).resolution(r#"header_form = "external""#)) {
        check(
            &external,
            &[
                (get().tenant("org_Acme1"), "200 acme header"),
                (get().tenant("org_acme1"), "403 forbidden"),
                (get().tenant("auth0|a.b:C-d_1"), "403 forbidden"),
                (get().tenant(&longest), "403 forbidden"),
                (get().tenant(&too_long), "400 malformed_tenant"),
                (get().tenant("org Acme1"), "400 malformed_tenant"),
                (get().tenant("org@Acme1"), "400 malformed_tenant"),
                (get().tenant("org_Acme1,org_Acme1"), "400 malformed_tenant"),
                (get().tenant(""), "400 malformed_tenant"),
            ],
        );
    }
}

/// The configured name is the only one that is read, in any case.
#[test]
fn another_name() {
    for server in Server::each(&Setup::new(&["header"]).resolution(r#"header_name = "X-Org""#)) {
        check(
            &server,
            &[
                (get().field("x-org", "acme"), "200 acme header"),
                (get().tenant("acme"), "401 tenant_required"),
                (
                    get().field("x-org", "acme").tenant("globex").tenant(""),
                    "200 acme header",
                ),
            ],
        );
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

//! What is stored of a body, and what is refused.

use serde_json::json;

use super::{Member, each_database, id, note};
use crate::client::answer::check;
use crate::client::raw::Request;
use crate::service::server::Server;
use crate::service::setup::Setup;

/// JSON that is malformed is 400, of another shape 422; what was refused is not stored.
#[test]
fn bodies() {
    for tenant in ["acme", "globex"] {
        for server in each_database(&Setup::new(&["header"])) {
            let mut member = Member::new(&server, tenant);
            let stored = member.add("first");
            for (method, target) in [("POST", "/notes".to_owned()), ("PUT", note(&stored))] {
                for malformed in [
                    "",
                    "{",
                    "{\"body\":\"x\"",
                    "body=x",
                    "{\"body\":}",
                    "\u{0}",
                    "{\"body\":\"x\"} x",
                    "{\"body\":1",
                    "{\"body\":1 garbage",
                    "[1",
                    "123 xx",
                    "{} x",
                    "{\"other\":\"\\ud800\",\"body\":\"x\"}",
                ] {
                    let (status, _) = member.send(Request::new(method, &target).json(malformed));
                    assert_eq!(status, 400, "{method} {malformed:?}");
                }
                for other in [
                    "{}",
                    "[]",
                    "null",
                    "1",
                    "\"x\"",
                    "{\"body\":1}",
                    "{\"body\":null}",
                    "{\"text\":\"x\"}",
                    "[{\"body\":\"x\"}]",
                    "[\"x\"]",
                    "[\"x\",\"y\"]",
                    "{\"body\":\"x\",\"body\":\"y\"}",
                ] {
                    let (status, _) = member.send(Request::new(method, &target).json(other));
                    assert_eq!(status, 422, "{method} {other:?}");
                }
            }
            let large = format!("{{\"body\":\"{}\"}}", "x".repeat(64 * 1024));
            assert_eq!(member.send(Request::new("POST", "/notes").json(&large)).0, 413);
            let mut member = Member::new(&server, tenant);
            assert_eq!(member.bodies(), ["first"]);
        }
    }
}

/// Any text is a note, and none is SQL.
#[test]
fn texts() {
    for tenant in ["acme", "globex"] {
        for server in each_database(&Setup::new(&["header"])) {
            let mut member = Member::new(&server, tenant);
            let texts = [
                "",
                "'; drop table notes; --",
                "\u{1f980} \u{e9}\n\"x\"",
                "%s $1 ?1 :tenant",
                "' or '1'='1",
            ];
            for text in texts {
                member.add(text);
            }
            let mut expected = texts.map(str::to_owned);
            expected.sort();
            assert_eq!(member.bodies(), expected);
            for target in [
                "/notes/x",
                "/notes/0",
                "/notes/-1",
                "/notes/1'%20or%20'1'='1",
                "/notes/99999999999999999999999",
                "/notes/%ff",
            ] {
                let (status, _) = member.send(Request::new("DELETE", target));
                assert!(matches!(status, 404 | 400), "{status} for {target}");
            }
            assert_eq!(member.bodies().len(), texts.len());
        }
    }
}

/// What a database refuses is the client's fault or nobody's, and never an outage. PostgreSQL knows no text with a NUL,
/// SQLite does.
#[test]
fn what_the_database_refuses() {
    let nul = r#"{"body":"a\u0000b"}"#;
    for tenant in ["acme", "globex"] {
        for (server, is_postgres) in Server::each(&Setup::new(&["header"]))
            .map(|server| (server, false))
            .chain(Server::each_on_postgres(&Setup::new(&["header"])).map(|server| (server, true)))
        {
            let mut member = Member::new(&server, tenant);
            let stored = member.add("kept");
            let request = |method: &str, target: &str| {
                let request = Request::new(method, target).tenant(tenant).bearer(&member.token);
                if method == "PUT" {
                    request.json(r#"{"body":"changed"}"#)
                } else {
                    request
                }
            };
            let refused = if is_postgres {
                "400 invalid_value"
            } else {
                "404 not_found"
            };
            let mut rows = Vec::new();
            for target in ["/notes/1%00", "/notes/%00", "/notes/%00%00x", "/notes/%C3%A9%00"] {
                for method in ["GET", "PUT", "DELETE"] {
                    rows.push((request(method, target), refused));
                }
            }
            check(&server, &rows);
            let written = if is_postgres { 400 } else { 200 };
            assert_eq!(member.send(Request::new("PUT", &note(&stored)).json(nul)).0, written);
            let created = if is_postgres { 400 } else { 201 };
            assert_eq!(member.send(Request::new("POST", "/notes").json(nul)).0, created);
            if is_postgres {
                assert_eq!(member.bodies(), ["kept"]);
                assert!(!server.log().contains("a request failed"), "{}", server.log());
            }
        }
    }
}

/// Neither an id nor a tenant is the client's to choose.
#[test]
fn ids_and_tenants_in_bodies() {
    for server in each_database(&Setup::new(&["header"])) {
        let (mut ours, mut theirs) = (Member::new(&server, "acme"), Member::new(&server, "initech"));
        let theirs_id = theirs.add("theirs");
        let claim = json!({"id": theirs_id, "body": "ours", "tenant": "initech", "tenant_id": "initech"}).to_string();
        // Refused, or stored as one's own with an id of the server's.
        let (status, body) = ours.send(Request::new("POST", "/notes").json(&claim));
        match status {
            201 => assert_ne!(id(&serde_json::from_slice(&body).unwrap()), theirs_id),
            other => assert_eq!(other, 422),
        }
        assert_eq!(theirs.bodies(), ["theirs"]);
        assert_eq!(theirs.json(Request::get(&note(&theirs_id)), 200)["body"], "theirs");
    }
}

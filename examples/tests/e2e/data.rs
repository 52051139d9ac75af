//! Each tenant's notes, apart, by either strategy.

use serde_json::{Value, json};

use crate::answer::{answer, check};
use crate::raw::{Connection, Request};
use crate::server::Server;
use crate::setup::Setup;
use crate::token::Token;

/// What a member does, on one connection.
struct Member {
    tenant: &'static str,
    token: String,
    connection: Connection,
}

impl Member {
    fn new(server: &Server, tenant: &'static str) -> Self {
        Self {
            tenant,
            token: Token::of("alice").tenant(tenant).sign(),
            connection: server.connect(),
        }
    }

    fn send(&mut self, request: Request) -> (u16, Vec<u8>) {
        let request = request.tenant(self.tenant).bearer(&self.token);
        let response = self.connection.exchange(&request);
        (response.status, response.body)
    }

    fn json(&mut self, request: Request, status: u16) -> Value {
        let shown = request.to_string();
        let (found, body) = self.send(request);
        assert_eq!(found, status, "{shown}: {}", body.escape_ascii());
        serde_json::from_slice(&body).unwrap()
    }

    /// Adds a note and answers its id, as it stands in a path.
    fn add(&mut self, body: &str) -> String {
        let note = self.json(
            Request::new("POST", "/notes").json(&json!({"body": body}).to_string()),
            201,
        );
        assert_eq!(note["body"], body);
        id(&note)
    }

    fn bodies(&mut self) -> Vec<String> {
        let notes = self.json(Request::get("/notes"), 200);
        let mut bodies: Vec<_> = notes
            .as_array()
            .unwrap()
            .iter()
            .map(|note| note["body"].as_str().unwrap().to_owned())
            .collect();
        bodies.sort();
        bodies
    }
}

fn id(note: &Value) -> String {
    match &note["id"] {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        other => panic!("{other} is no id"),
    }
}

fn note(id: &str) -> String {
    format!("/notes/{id}")
}

/// On each framework, and on each database.
fn each_database(setup: &Setup) -> impl Iterator<Item = Server> {
    Server::each(setup).chain(Server::each_on_postgres(setup))
}

/// Another tenant's note is not there: not for GET, PUT and DELETE, nor in the list.
fn apart(first: &'static str, second: &'static str) {
    for server in each_database(&Setup::new(&["header"])) {
        let (mut ours, mut theirs) = (Member::new(&server, first), Member::new(&server, second));
        assert_eq!(ours.bodies(), Vec::<String>::new());
        let (a, b) = (ours.add("ours 1"), ours.add("ours 2"));
        let c = theirs.add("theirs");
        assert_ne!(a, b);
        assert_eq!(ours.bodies(), ["ours 1", "ours 2"]);
        assert_eq!(theirs.bodies(), ["theirs"]);

        let missing = |member: &mut Member, id: &str| {
            let put = Request::new("PUT", &note(id)).json(r#"{"body":"stolen"}"#);
            for request in [Request::get(&note(id)), put, Request::new("DELETE", &note(id))] {
                let shown = request.to_string();
                assert_eq!(member.send(request).0, 404, "{} on {shown}", member.tenant);
            }
        };
        // With ids of their own database, one tenant's id may be another's: then it is its own note that it sees.
        for foreign in [&a, &b] {
            if *foreign != c {
                missing(&mut theirs, foreign);
            }
        }
        if c != a && c != b {
            missing(&mut ours, &c);
        }
        assert_eq!(ours.bodies(), ["ours 1", "ours 2"]);
        assert_eq!(theirs.bodies(), ["theirs"]);

        let read = ours.json(Request::get(&note(&a)), 200);
        assert_eq!((id(&read), &read["body"]), (a.clone(), &json!("ours 1")));
        let written = ours.json(Request::new("PUT", &note(&a)).json(r#"{"body":"ours, changed"}"#), 200);
        assert_eq!((id(&written), &written["body"]), (a.clone(), &json!("ours, changed")));
        assert_eq!(ours.json(Request::get(&note(&a)), 200)["body"], "ours, changed");
        assert_eq!(ours.send(Request::new("DELETE", &note(&b))), (204, Vec::new()));
        missing(&mut ours, &b);
        assert_eq!(ours.bodies(), ["ours, changed"]);
        assert_eq!(theirs.bodies(), ["theirs"]);

        // What was written outlives the server, and stays apart.
        drop((ours, theirs));
        let server = Server::start_in(server.into_folder());
        assert_eq!(Member::new(&server, first).bodies(), ["ours, changed"]);
        assert_eq!(Member::new(&server, second).bodies(), ["theirs"]);
    }
}

#[test]
fn rows_and_rows() {
    apart("acme", "initech");
}

#[test]
fn databases_and_databases() {
    apart("globex", "hooli");
}

#[test]
fn rows_and_databases() {
    apart("acme", "globex");
    apart("hooli", "initech");
}

/// Another's note, and one that nobody has, are one answer.
#[test]
fn foreign_and_missing_look_alike() {
    for server in each_database(&Setup::new(&["header"])) {
        let (mut ours, mut theirs) = (Member::new(&server, "acme"), Member::new(&server, "initech"));
        let foreign = theirs.add("theirs");
        // An id of the same kind that is nobody's: one that was deleted.
        let missing = theirs.add("gone");
        theirs.send(Request::new("DELETE", &note(&missing)));
        for method in ["GET", "DELETE"] {
            let mut answers = [&foreign, &missing].map(|id| {
                let request = Request::new(method, &note(id)).tenant("acme").bearer(&ours.token);
                let response = ours.connection.exchange(&request);
                assert_eq!(response.status, 404);
                response
                    .raw_less_date
                    .escape_ascii()
                    .to_string()
                    .replace(id.as_str(), "ID")
            });
            let [foreign, missing] = &mut answers;
            assert_eq!(foreign, missing);
        }
    }
}

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

/// Whoever is refused changes nothing.
#[test]
fn refused_writes() {
    for server in each_database(&Setup::new(&["header"])) {
        let mut member = Member::new(&server, "acme");
        let stored = member.add("kept");
        let stranger = Token::of("bob").tenant("globex").sign();
        for (method, target) in [
            ("POST", "/notes".to_owned()),
            ("PUT", note(&stored)),
            ("DELETE", note(&stored)),
        ] {
            let request = || Request::new(method, &target).json(r#"{"body":"changed"}"#);
            check(
                &server,
                &[
                    (request(), "401 tenant_required"),
                    (request().tenant("acme"), "401 credentials_required"),
                    (request().tenant("acme").bearer(&stranger), "403 forbidden"),
                    (request().tenant("acme").bearer("a.b.c"), "401 invalid_token"),
                    (
                        request().tenant("acme").tenant("acme").bearer(&member.token),
                        "400 malformed_tenant",
                    ),
                ],
            );
        }
        assert_eq!(member.bodies(), ["kept"]);
    }
}

/// All of it under the path template, too.
#[test]
fn by_path() {
    for server in each_database(&Setup::new(&["path"])) {
        let token = Token::of("bob").tenant("globex").sign();
        let send = |method: &str, target: &str, body: Option<&str>| {
            let request = Request::new(method, &format!("/api/v1/globex-shop{target}")).bearer(&token);
            server.exchange(&match body {
                Some(body) => request.json(body),
                None => request,
            })
        };
        let created = send("POST", "/notes", Some(r#"{"body":"x"}"#));
        assert_eq!(created.status, 201);
        let target = note(&id(&created.json()));
        assert_eq!(send("GET", &target, None).json()["body"], "x");
        assert_eq!(send("PUT", &target, Some(r#"{"body":"y"}"#)).json()["body"], "y");
        assert_eq!(send("GET", "/notes", None).json().as_array().unwrap().len(), 1);
        assert_eq!(send("DELETE", &target, None).status, 204);
        assert_eq!(send("GET", &target, None).status, 404);
        let foreign = Request::get(&format!("/api/v1/acme-inc{target}")).bearer(&token);
        assert_eq!(answer(&server.exchange(&foreign)), "403 forbidden");
    }
}

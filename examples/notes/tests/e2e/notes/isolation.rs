//! Each tenant's notes are apart from all others.

use serde_json::json;

use super::{Member, each_database, id, note};
use crate::client::answer::{answer, check};
use crate::client::raw::Request;
use crate::client::token::Token;
use crate::service::server::Server;
use crate::service::setup::Setup;

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

/// A caller who is refused changes nothing.
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

//! Beyond the corpus: what the application itself answers is the same on every framework, byte for byte less `Date`.

use serde_json::Value;

use crate::client::raw::{Request, Response};
use crate::client::streams::Streams;
use crate::client::token::Token;
use crate::service::framework::{FRAMEWORKS, REFERENCE};
use crate::service::server::Server;
use crate::service::setup::Setup;

/// `{note}` stands for a note of the tenant. Its id is another on each server.
const TARGETS: [&str; 33] = [
    "/healthz",
    "/whoami",
    "/whoami?tenant=globex-shop&x",
    "/portal",
    "/maybe",
    "/notes",
    "/notes/nosuch",
    "/notes/%ff",
    "/notes/%zz",
    "/notes/%00",
    "/notes/a%2Fb",
    "/notes/{note}",
    "/notes/{note}",
    "/notes/{note}/",
    "/notes/",
    "/notes//",
    "/whoami/",
    "//whoami",
    "/WHOAMI",
    "/%77hoami",
    "/",
    "/nosuch",
    "/api/v1/acme-inc",
    "/api/v1/acme-inc/",
    "/api/v1/acme-inc/healthz",
    "/api/v1/acme-inc/whoami",
    "/api/v1/acme-inc/whoami/",
    "/api/v1/acme-inc/notes",
    "/api/v1/acme-inc/notes/nosuch",
    "/api/v1/acme-inc/notes/{note}",
    "/api/v1/%61cme-inc/whoami",
    "/api/v1/a%2Fb/whoami",
    "/api/v1x/acme-inc/whoami",
];

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW", "DELETE",
];

/// No JSON, JSON of another shape, and a note.
const BODIES: [&str; 5] = ["", "{", "[]", r#"{"body":"x"}"#, r#"{"body":"x","body":"y"}"#];

/// A member's requests, a stranger's, and ones that name nobody.
fn requests(note: &str, token: &str, stranger: &str) -> Vec<Request> {
    let mut requests = Vec::new();
    for target in TARGETS.map(|target| target.replace("{note}", note)) {
        for method in METHODS {
            let request = Request::new(method, &target);
            requests.push(request.clone().tenant("acme").bearer(token));
            requests.push(request.clone().tenant("acme").bearer(stranger));
            requests.push(request);
        }
    }
    for body in BODIES.map(str::to_owned).into_iter().chain(about_the_limit()) {
        for target in ["/notes", "/api/v1/acme-inc/notes"] {
            requests.push(Request::new("POST", target).tenant("acme").bearer(token).json(&body));
        }
        for id in ["nosuch", "%ff", "%zz"] {
            let put = Request::new("PUT", &format!("/notes/{id}"));
            requests.push(put.tenant("acme").bearer(token).json(&body));
        }
    }
    requests
}

/// The longest body that may be, and one byte more.
fn about_the_limit() -> [String; 2] {
    [0, 1].map(|more| {
        let around = r#"{"body":""}"#.len();
        format!(r#"{{"body":"{}"}}"#, "x".repeat(64 * 1024 - around + more))
    })
}

/// What a server answers to all of it, first by HTTP/1.1, then by HTTP/2: the requests, and the answers.
fn answers(server: &Server) -> Vec<(String, String)> {
    let token = Token::of("alice").tenant("acme").sign();
    let stranger = Token::of("bob").tenant("globex").sign();
    let streams = Streams::open(server.address);
    let mut answers = Vec::new();
    for is_http2 in [false, true] {
        let add = Request::new("POST", "/notes")
            .tenant("acme")
            .bearer(&token)
            .json(r#"{"body":"a note"}"#);
        let note = id(&server.exchange(&add)).expect("a note is added");
        for request in requests(&note, &token, &stranger) {
            let response = if is_http2 {
                streams.exchange(request.by_http2()).unwrap()
            } else {
                server.exchange(&request)
            };
            let shown = request.to_string().replace(&note, "{note}");
            let shown: String = shown.chars().filter(|char| *char != '\r').take(80).collect();
            let answer = response.in_order().replace(&note, "{note}");
            let answer = match id(&response) {
                Some(another) => answer.replace(&another, "{another}"),
                None => answer,
            };
            answers.push((shown, answer));
        }
        // Each version begins with the same notes: none.
        forget_all(server, &token);
    }
    answers
}

fn id(response: &Response) -> Option<String> {
    let body: Value = serde_json::from_slice(&response.body).ok()?;
    body.get("id").and_then(Value::as_str).map(str::to_owned)
}

fn forget_all(server: &Server, token: &str) {
    let get = Request::get("/notes").tenant("acme").bearer(token);
    for note in server.exchange(&get).json().as_array().unwrap() {
        let target = format!("/notes/{}", note["id"].as_str().unwrap());
        let delete = Request::new("DELETE", &target).tenant("acme").bearer(token);
        assert_eq!(server.exchange(&delete).status, 204);
    }
}

#[test]
fn where_the_path_names_the_tenant() {
    check(&["header", "path"]);
}

/// The routes under the template are there as well; what stands for the tenant is not read.
#[test]
fn where_the_path_is_not_read() {
    check(&["header"]);
}

fn check(resolvers: &[&str]) {
    let setup = Setup::new(resolvers);
    let (mut expected, mut different) = (None, String::new());
    for framework in FRAMEWORKS {
        let answers = answers(&Server::start_on(framework, &setup));
        let expected = expected.get_or_insert_with(|| answers.clone());
        for ((request, expected), (_, found)) in expected.iter().zip(&answers) {
            if found != expected {
                different.push_str(&format!(
                    "\n{request}\n--- {REFERENCE}\n{expected}\n--- {framework}\n{found}\n"
                ));
            }
        }
    }
    assert!(different.is_empty(), "{different}");
}

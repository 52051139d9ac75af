//! What is served, and where it is not.

use std::process::Command;

use crate::client::raw::{Request, Response};
use crate::client::token::Token;
use crate::page::{demo, link, path};
use crate::service::framework::FRAMEWORKS;
use crate::service::refused::refused_command;
use crate::service::server::{Folder, Server};
use crate::service::setup::Setup;

/// The steps that an answer explains itself by.
fn steps(response: &Response) -> Vec<String> {
    let steps = response.value("explanation").expect("an explanation");
    let steps = percent_encoding::percent_decode_str(steps).decode_utf8().unwrap();
    steps.lines().map(str::to_owned).collect()
}

#[test]
fn one_link_is_printed() {
    let server = demo("axum");
    assert_eq!(server.greeting.len(), 1, "{:?}", server.greeting);
    let path = path(&server);
    let key = path.strip_prefix("/page-").unwrap().strip_suffix('/').unwrap();
    assert_eq!(key.len(), 32);
    assert_ne!(self::path(&demo("axum")), path);
}

#[test]
fn it_loads_nothing_from_elsewhere_and_knows_no_token() {
    let server = demo("axum");
    let path = path(&server);
    for (file, media_type) in [
        ("", "text/html; charset=utf-8"),
        ("page.css", "text/css; charset=utf-8"),
        ("page.js", "text/javascript; charset=utf-8"),
        ("cast", "application/json"),
    ] {
        let answer = server.exchange(&Request::get(&format!("{path}{file}")));
        assert_eq!(
            (answer.status, answer.value("content-type")),
            (200, Some(media_type)),
            "{file}"
        );
        let policy = answer.value("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none';") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(answer.value("cache-control"), Some("no-store"));
        let text = String::from_utf8(answer.body).unwrap();
        for foreign in ["//", "eyJ", "innerHTML"] {
            // A comment of a script begins so, too.
            let text = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            assert_eq!(
                text.filter(|line| line.contains(foreign)).count(),
                0,
                "{file}: {foreign}"
            );
        }
    }
    let cast = server.exchange(&Request::get(&format!("{path}cast"))).json();
    let names = |list: &str, key: &str| -> Vec<String> {
        let list = cast[list].as_array().unwrap().iter();
        list.map(|entry| entry[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("people", "name"), ["alice", "bob", "mallory", "nobody"]);
    assert_eq!(names("tenants", "id"), ["acme", "globex"]);
}

/// A request of the page is one of the application's, on each framework, and is explained as the log explains it.
#[test]
fn requests_are_the_applications_own() {
    for framework in FRAMEWORKS {
        let server = demo(framework);
        let path = path(&server);
        let act = |person: usize, tenant: usize| format!("{path}as/{person}/in/{tenant}/notes");
        // What the browser sends by itself counts for nothing.
        let read = |target: &str| Request::get(target).tenant("globex").bearer("x").field("Cookie", "a=b");
        let mine = server.exchange(&read(&act(0, 0)));
        assert_eq!((mine.status, mine.json()), (200, serde_json::json!([])), "{framework}");
        let steps = steps(&mine);
        assert_eq!(
            steps,
            [
                "policy Scoped",
                "credentials verified: subject `alice` of issuer `https://issuer.notes.example`",
                "resolver `header`: id `acme`",
                "resolver `jwt_claim`: not reached",
                "resolver `subdomain`: not reached",
                "resolver `path`: not reached",
                "directory: id `acme` is the tenant `acme`, active",
                "authorizer: a member",
                "admitted to `acme`",
            ],
            "{framework}"
        );
        assert!(
            server.log().contains(&steps.join("; ")),
            "{framework}: {}",
            server.log()
        );
        let written = server.exchange(&Request::new("POST", &act(0, 0)).json(r#"{"body":"hello"}"#));
        assert_eq!(written.status, 201, "{framework}");
        for (person, tenant, status) in [(0, 1, 403), (1, 0, 403), (1, 1, 200), (2, 0, 403), (3, 0, 401)] {
            let answer = server.exchange(&read(&act(person, tenant)));
            assert_eq!(answer.status, status, "{framework}: {person} in {tenant}");
            let steps = self::steps(&answer);
            assert!(
                status == 200 || steps[steps.len() - 1].contains(&status.to_string()),
                "{steps:?}"
            );
            let credentials = if person == 3 { "absent" } else { "verified" };
            assert!(steps[1].starts_with(&format!("credentials {credentials}")), "{steps:?}");
        }
        for no_one in [
            "as/4/in/0/notes",
            "as/0/in/2/notes",
            "as/-1/in/0/notes",
            "as/0/in/0",
            "nothing",
        ] {
            let answer = server.exchange(&Request::get(&format!("{path}{no_one}")));
            assert_eq!(answer.status, 404, "{framework}: {no_one}");
        }
        // Another request is not explained, and is nobody's.
        let other = server.exchange(&Request::get("/notes").tenant("acme"));
        assert_eq!((other.status, other.value("explanation")), (401, None), "{framework}");
        let guessed = format!("/page-{}/", "0".repeat(32));
        assert_eq!(
            server.exchange(&Request::get(&guessed).tenant("acme")).status,
            401,
            "{framework}"
        );
    }
}

#[test]
fn a_configuration_has_no_page_unless_it_is_asked_for() {
    let server = Server::start(&Setup::new(&["header"]));
    assert_eq!(link(&server), None);
    let folder = Folder::new(&Setup::new(&["header"]).toml());
    let mut command = folder.command();
    command.arg("--page");
    let server = Server::spawn(command, folder);
    let answer = server.exchange(&Request::get(&path(&server)));
    assert_eq!(answer.status, 200);
    // What the application answers is the same beside it.
    let token = Token::of("alice").tenant("acme").sign();
    let whoami = Request::get("/whoami").bearer(&token).tenant("acme");
    assert_eq!(server.exchange(&whoami).value("explanation"), None);
}

/// Members are members also where the token says who is one, and tenants are named in the configured forms.
#[test]
fn members_of_any_configuration() {
    for resolution in ["", "header_form = \"slug\"\njwt_claim_form = \"external\""] {
        let folder = Folder::new(&Setup::new(&["header"]).resolution(resolution).toml());
        let mut command = folder.command();
        command.arg("--page");
        let server = Server::spawn(command, folder);
        let path = path(&server);
        let cast = server.exchange(&Request::get(&format!("{path}cast"))).json();
        assert_eq!(
            (&cast["people"][0]["name"], &cast["tenants"][1]["id"]),
            (&"alice".into(), &"globex".into())
        );
        for (tenant, status) in [(0, 200), (1, 403)] {
            let answer = server.exchange(&Request::get(&format!("{path}as/0/in/{tenant}/notes")));
            assert_eq!(answer.status, status, "{resolution}: {:?}", steps(&answer));
        }
    }
}

/// It signs in as anyone, so nobody else may reach it.
#[test]
fn only_on_a_loopback_address() {
    let (header, claim) = (Setup::new(&["header"]).toml(), Setup::new(&["jwt_claim"]).toml());
    for (toml, address, problem) in [(header, "0.0.0.0:0", "loopback"), (claim, "127.0.0.1:0", "`header`")] {
        let folder = Folder::new(&toml);
        let mut command = Command::new(env!("CARGO_BIN_EXE_notes"));
        command
            .args(["--config", "notes.toml", "--page", "--listen", address])
            .current_dir(folder.path());
        let message = refused_command(command).unwrap();
        assert!(message.contains("--page") && message.contains(problem), "{message}");
    }
    // The demo is served without it.
    let folder = Folder::new("");
    let mut command = Command::new(env!("CARGO_BIN_EXE_notes"));
    command.args(["--listen", "0.0.0.0:0"]).current_dir(folder.path());
    let server = Server::spawn(command, folder);
    assert_eq!(server.greeting, [""; 0]);
}

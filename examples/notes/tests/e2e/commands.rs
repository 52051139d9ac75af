//! `notes token`, and how the server starts and ends.

use std::io::{Read, Write};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use crate::client::answer::{answer, check};
use crate::client::raw::Request;
use crate::client::token::Token;
use crate::service::server::{Folder, Server};
use crate::service::setup::Setup;

fn token(folder: &Folder, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_notes"))
        .arg("token")
        .args(arguments)
        .arg("--config")
        .arg(folder.path().join("notes.toml"))
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let token = text.strip_suffix('\n').expect("one line");
    assert!(!token.contains(char::is_whitespace), "{token:?} is no token");
    token.to_owned()
}

/// A token from the command line is accepted by the server with the same configuration.
#[test]
fn a_token_round_trip() {
    let server = Server::start(&Setup::new(&["header", "jwt_claim"]));
    let new = |arguments: &[&str]| printed(&token(server.folder(), arguments));
    let get = |token: &str| Request::get("/whoami").bearer(token);
    check(
        &server,
        &[
            (
                get(&new(&["--subject", "alice", "--tenant", "acme"])),
                "200 acme jwt_claim",
            ),
            (get(&new(&["--subject", "alice"])), "401 tenant_required"),
            (
                get(&new(&["--subject", "alice", "--tenant", "globex"])).tenant("acme"),
                "403 forbidden",
            ),
            (
                get(&new(&["--subject", "alice", "--tenant", "acme", "--expires-in", "60"])),
                "200 acme jwt_claim",
            ),
            (
                get(&new(&["--subject", "alice", "--tenant", "acme", "--expires-in=-120"])),
                "401 invalid_token",
            ),
        ],
    );
    let response = server.exchange(&get(&new(&["--subject", "carol c.", "--tenant", "acme"])));
    assert_eq!(response.json()["subject"], Value::from("carol c."));
}

/// The token's tenant stands where the configuration has the claim, in the claim's form.
#[test]
fn a_token_follows_the_configuration() {
    let nested =
        Setup::new(&["jwt_claim"]).resolution("jwt_claim = [\"org\", \"tenant\"]\njwt_claim_form = \"external\"");
    let server = Server::start(&nested);
    let text = printed(&token(
        server.folder(),
        &["--subject", "alice", "--tenant", "org_Acme1"],
    ));
    check(
        &server,
        &[(Request::get("/whoami").bearer(&text), "200 acme jwt_claim")],
    );
}

/// What cannot be signed is refused.
#[test]
fn a_token_that_cannot_be() {
    let rsa = "[[jwt.keys]]\nkid = \"rsa\"\nalgorithm = \"RS256\"\npublic_key_file = \"rsa.pem\"\n";
    let without_secret = Folder::new(&Setup::new(&["header"]).keys(rsa).toml());
    let output = token(&without_secret, &["--subject", "alice"]);
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("HS256"));
    let folder = Folder::new(&Setup::new(&["header"]).toml());
    for arguments in [&[][..], &["--tenant", "acme"]] {
        let output = token(&folder, arguments);
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
    }
}

/// SIGTERM and Ctrl-C stop it gracefully: a connection without a request does not hold it, and its status is 0.
#[test]
fn graceful_stop() {
    for name in ["TERM", "INT"] {
        let mut server = Server::start(&Setup::new(&["header"]));
        let mut idle = server.connect();
        assert_eq!(answer(&idle.exchange(&Request::get("/healthz"))), "200");
        server.signal(name);
        let status = server.wait(Duration::from_secs(15));
        assert!(
            status.is_some_and(|status| status.success()),
            "{name}: {status:?}\n{}",
            server.log()
        );
        assert!(std::net::TcpStream::connect(server.address).is_err());
    }
}

/// A request that is under way when the signal comes is still answered.
#[test]
fn a_request_under_way() {
    let mut server = Server::start(&Setup::new(&["header"]));
    let token = Token::of("alice").tenant("acme").sign();
    let mut connection = server.connect();
    let body = r#"{"body":"late"}"#;
    let (now, later) = body.split_at(5);
    connection.send(
        format!(
            "POST /notes HTTP/1.1\r\nHost: localhost\r\nX-Tenant-ID: acme\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{now}",
            body.len()
        )
        .as_bytes(),
    );
    std::thread::sleep(Duration::from_millis(300));
    server.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    connection.send(later.as_bytes());
    assert_eq!(connection.receive("POST").expect("a response").status, 201);
    drop(connection);
    let status = server.wait(Duration::from_secs(15));
    assert!(
        status.is_some_and(|status| status.success()),
        "{status:?}\n{}",
        server.log()
    );
}

/// A client that does not finish the head of its request does not keep its connection.
#[test]
fn a_head_that_does_not_end() {
    let server = Server::start(&Setup::new(&["header"]));
    let mut stream = std::net::TcpStream::connect(server.address).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: ").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .expect("the server closes the connection");
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

/// Logs go to standard error, and have neither tokens nor what a client made up.
#[test]
fn logs_hold_no_secrets() {
    let server = Server::start(&Setup::new(&["header"]));
    let token = Token::of("alice").tenant("globex").sign();
    let get = || Request::get("/whoami");
    check(
        &server,
        &[
            (get().tenant("acme").bearer(&token), "403 forbidden"),
            (get().tenant("acme").bearer("made.up.token"), "401 invalid_token"),
            (get().tenant("Injected%0aline").bearer(&token), "400 malformed_tenant"),
        ],
    );
    let log = server.log();
    for secret in [
        token.as_str(),
        "made.up.token",
        "Injected",
        crate::service::setup::SECRET,
    ] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
    assert!(
        server.later_output(Duration::from_millis(100)).is_empty(),
        "standard output is no log"
    );
}

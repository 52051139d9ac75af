//! The built-in demo, as a stranger meets it: started without arguments but the address, and asked for lines to paste into a
//! shell.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::client::raw::Request;
use crate::client::token::base64url;
use crate::service::server::{Folder, Server};

fn demo() -> Server {
    let folder = Folder::new("");
    let mut command = Command::new(env!("CARGO_BIN_EXE_notes"));
    command
        .args(["--listen", "127.0.0.1:0", "--curl"])
        .current_dir(folder.path())
        .stdin(Stdio::null());
    Server::spawn(command, folder)
}

/// The `curl` lines, each with what is said above it.
fn pasted(server: &Server) -> Vec<(String, String)> {
    let mut lines = server.greeting.clone();
    lines.extend(server.later_output(Duration::from_millis(500)));
    let mut above = String::new();
    let mut pasted = Vec::new();
    for line in lines {
        let line = line.trim();
        if line.starts_with("curl ") {
            pasted.push((above.clone(), line.to_owned()));
        } else {
            above = line.to_owned();
        }
    }
    pasted
}

/// A line for each of header, claim, subdomain and path, one that is refused with 401, one with 403.
#[test]
fn the_lines_do_what_they_say() {
    let server = demo();
    let lines = pasted(&server);
    let (mut resolvers, mut refusals) = (Vec::new(), Vec::new());
    for (above, line) in &lines {
        // `-i` writes the head before the body; the status comes last.
        let output = Command::new("sh")
            .args([
                "-c",
                &format!("{line} --silent --noproxy '*' --max-time 20 --write-out '\\n%{{http_code}}'"),
            ])
            .output()
            .unwrap();
        if output.status.code() == Some(127) {
            // Without curl there is no one to paste the lines to.
            assert!(std::env::var_os("CI").is_none(), "curl is not installed");
            return;
        }
        let text = String::from_utf8(output.stdout).unwrap();
        let (answer, status) = text.trim_end().rsplit_once('\n').expect("a status");
        match status {
            "200" | "201" => {
                let start = answer.find("\r\n\r\n").map_or(0, |head| head + 4);
                let body: Value = serde_json::from_str(answer.get(start..).unwrap()).unwrap_or_default();
                if let Some(resolver) = body.get("resolver").and_then(Value::as_str) {
                    resolvers.push(resolver.to_owned());
                }
                assert!(
                    !above.contains("401") && !above.contains("403"),
                    "{above}: {line}\n{text}"
                );
            }
            "401" | "403" => {
                assert!(
                    above.contains(status) || line.contains(status),
                    "{above}: {line}\n{text}"
                );
                refusals.push(status.to_owned());
            }
            _ => panic!("{above}: {line}\n{text}"),
        }
    }
    resolvers.sort();
    resolvers.dedup();
    refusals.sort();
    assert_eq!(resolvers, ["header", "jwt_claim", "path", "subdomain"], "{lines:#?}");
    assert_eq!(refusals, ["401", "403"], "{lines:#?}");
}

/// Without `--config`, `notes token` signs for the demo.
#[test]
fn a_token_for_the_demo() {
    let server = demo();
    let output = Command::new(env!("CARGO_BIN_EXE_notes"))
        .args(["token", "--subject", "stranger", "--tenant", "acme"])
        .current_dir(server.folder().path())
        .output()
        .unwrap();
    assert!(output.status.success());
    let token = String::from_utf8(output.stdout).unwrap();
    let response = server.exchange(&Request::get("/whoami").tenant("acme").bearer(token.trim()));
    // It is verified. Whether a stranger is let in is membership's to say.
    assert!(matches!(response.status, 200 | 403), "{response:?}");
    let forged = format!("{}.e30.x", base64url(br#"{"alg":"none"}"#));
    assert_eq!(
        server
            .exchange(&Request::get("/whoami").tenant("acme").bearer(&forged))
            .status,
        401
    );
}

/// The data is kept in a folder of the working directory, so a second start finds it.
#[test]
fn a_second_start() {
    let server = demo();
    let mut command = Command::new(env!("CARGO_BIN_EXE_notes"));
    let folder = server.into_folder();
    command
        .args(["--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .stdin(Stdio::null());
    let server = Server::spawn(command, folder);
    assert_eq!(server.exchange(&Request::get("/healthz")).status, 200);
}

//! A configuration that is wrong ends the program before it listens, with a non-zero status, and names the key.

use crate::client::answer::check;
use crate::client::raw::Request;
use crate::client::token::Token;
use crate::service::refused::{check_refused, header};
use crate::service::server::{Folder, Server};
use crate::service::setup::{SECRET, Setup};

fn line(text: &str) -> String {
    header().resolution(text).toml()
}

/// The control: what these tables start from is fine.
#[test]
fn the_starting_point() {
    let token = Token::of("alice").tenant("acme").sign();
    let server = Server::start(&header());
    check(
        &server,
        &[(Request::get("/whoami").tenant("acme").bearer(&token), "200 acme header")],
    );
}

/// Unknown keys and values, with the nearest valid name.
#[test]
fn unknown_names() {
    check_refused(&[
        (
            "an unknown key",
            line(r#"header_nam = "x""#),
            &["header_nam", "header_name"],
        ),
        (
            "another",
            header().enforcement(r#"membersip = "claim""#).toml(),
            &["membersip", "membership"],
        ),
        (
            "one of jwt",
            header().jwt(r#"isuer = "x""#).toml(),
            &["isuer", "issuer"],
        ),
        (
            "a table",
            format!("{}\n[resolutions]\n", header().toml()),
            &["resolutions", "resolution"],
        ),
        (
            "a resolver",
            Setup::new(&["heder"]).toml(),
            &["resolvers", "heder", "header"],
        ),
        (
            "a resolver in upper case",
            Setup::new(&["Header"]).toml(),
            &["resolvers", "header"],
        ),
        ("a form", line(r#"header_form = "slugs""#), &["header_form", "slug"]),
        (
            "a conflict rule",
            line(r#"on_conflict = "last""#),
            &["on_conflict", "first", "reject"],
        ),
        (
            "a membership",
            header().enforcement(r#"membership = "none""#).toml(),
            &["membership"],
        ),
        (
            "a disclosure",
            header().enforcement(r#"disclosure = "full""#).toml(),
            &["disclosure"],
        ),
        (
            "a forwarding field",
            Setup::new(&["subdomain"])
                .resolution("forwarded_header = \"x-real-host\"\ntrusted_hops = 1")
                .toml(),
            &["forwarded_header"],
        ),
        (
            "an algorithm",
            header()
                .keys(&format!(
                    "[[jwt.keys]]\nkid = \"dev\"\nalgorithm = \"none\"\nsecret = {SECRET:?}\n"
                ))
                .toml(),
            &["algorithm"],
        ),
        ("no TOML", "[resolution".into(), &[]),
        ("nothing", String::new(), &["resolution"]),
    ]);
}

/// Resolvers that are repeated, missing, or lack their setting.
#[test]
fn resolvers() {
    let without = |resolver: &str, key: &str| Setup::new(&[resolver]).without(key).toml();
    check_refused(&[
        ("none", Setup::new(&[]).toml(), &["resolvers"]),
        (
            "twice",
            Setup::new(&["header", "path", "header"]).toml(),
            &["resolvers", "header"],
        ),
        (
            "no base domain",
            without("subdomain", "base_domain"),
            &["base_domain", "subdomain"],
        ),
        (
            "no template",
            without("path", "path_template"),
            &["path_template", "path"],
        ),
        (
            "no parameter",
            without("query", "query_parameter"),
            &["query_parameter", "query"],
        ),
        (
            "no cookie",
            without("cookie", "cookie_name"),
            &["cookie_name", "cookie"],
        ),
        (
            "hops without a field",
            Setup::new(&["subdomain"]).resolution("trusted_hops = 1").toml(),
            &["trusted_hops"],
        ),
        (
            "a field without hops",
            Setup::new(&["subdomain"])
                .resolution(r#"forwarded_header = "forwarded""#)
                .toml(),
            &["trusted_hops"],
        ),
        (
            "no hops",
            Setup::new(&["subdomain"])
                .resolution("forwarded_header = \"forwarded\"\ntrusted_hops = 0")
                .toml(),
            &["trusted_hops"],
        ),
        (
            "a header that is no token",
            line(r#"header_name = "x tenant""#),
            &["header_name"],
        ),
        ("an empty header", line(r#"header_name = """#), &["header_name"]),
        (
            "a header that is taken",
            line(r#"header_name = "authorization""#),
            &["header_name"],
        ),
        ("an empty claim", line(r#"jwt_claim = """#), &["jwt_claim"]),
        ("no claim", line("jwt_claim = []"), &["jwt_claim"]),
        (
            "a reserved name that is none",
            line(r#"reserved = ["WWW!"]"#),
            &["reserved"],
        ),
    ]);
}

/// A base domain that is a public suffix, or no domain.
#[test]
fn base_domains() {
    let base = |domain: &str| {
        let setup = Setup::new(&["subdomain"]).without("base_domain");
        setup.resolution(&format!("base_domain = {domain:?}")).toml()
    };
    for domain in [
        "co.uk",
        "CO.UK",
        "com",
        "github.io",
        "co.uk.",
        "",
        ".",
        "a..b",
        "example.com:80",
        "127.0.0.1",
        "[::1]",
        "*.example.com",
        "b\u{fc}cher.example",
    ] {
        check_refused(&[(domain, base(domain), &["base_domain"])]);
    }
    // The list's default rule for unlisted names does not count.
    for domain in ["localhost", "example.co.uk", "intranet", "APP.example.COM"] {
        Server::start_in(Folder::new(&base(domain)));
    }
}

#[test]
fn path_templates() {
    for template in [
        "",
        "/",
        "api/{tenant}",
        "/api",
        "/api/{tenant}/{tenant}",
        "/api/x{tenant}",
        "/api/{tenant}x",
        "/api//{tenant}",
        "/api/{tenant}/",
        "/../{tenant}",
        "/{Tenant}",
        "/{id}",
        "/a?b/{tenant}",
    ] {
        let setup = Setup::new(&["path"]).without("path_template");
        let toml = setup.resolution(&format!("path_template = {template:?}")).toml();
        check_refused(&[(template, toml, &["path_template"])]);
    }
}

/// The configuration that documents every setting works as it is.
#[test]
fn the_documented_one() {
    let server = Server::start_in(Folder::new(include_str!("../../../notes.toml")));
    let signed = std::process::Command::new(env!("CARGO_BIN_EXE_notes"))
        .args(["token", "--subject", "alice", "--tenant", "acme", "--config"])
        .arg(server.folder().path().join("notes.toml"))
        .output()
        .unwrap();
    let token = String::from_utf8(signed.stdout).unwrap();
    let get = Request::get("/whoami").bearer(token.trim());
    check(&server, &[(get, "200 acme jwt_claim")]);
}

/// What the command line names must be there, too.
#[test]
fn the_command_line() {
    let folder = Folder::new(&header().toml());
    for (arguments, word) in [
        (&["--config", "nosuch.toml"][..], "nosuch.toml"),
        (&["--listen", "nowhere"], "--listen"),
        (&["--framework", "nosuch"], "--framework"),
        (&["--database", "mysql://localhost"], "--database"),
        (&["--nosuch"], "--nosuch"),
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_notes"));
        let output = command.args(arguments).current_dir(folder.path()).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && message.contains(word),
            "{arguments:?}: {message}"
        );
        assert!(
            !String::from_utf8_lossy(&output.stdout).contains("listening"),
            "{arguments:?}"
        );
    }
}

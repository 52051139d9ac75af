//! The members of `notes.toml`: names, or tables with the issuer and the roles.

use serde_json::json;

use crate::client::answer::check;
use crate::client::raw::Request;
use crate::client::token::Token;
use crate::service::refused::{check_refused, header};
use crate::service::server::Server;
use crate::service::setup::{ISSUER, SECRET, Setup};

/// Two issuers, and a tenant with these members.
fn setup(members: &str) -> Setup {
    let issuer = |issuer: &str, kid: &str| {
        format!(
            "[[jwt.issuers]]\nissuer = {issuer:?}\naudience = \"notes\"\n\
             [[jwt.issuers.keys]]\nkid = {kid:?}\nalgorithm = \"HS256\"\nsecret = {SECRET:?}\n"
        )
    };
    Setup::new(&["header"])
        .enforcement(r#"membership = "directory""#)
        .jwt_only("")
        .keys(&format!(
            "{}{}",
            issuer(ISSUER, "dev"),
            issuer("https://two.example", "dev")
        ))
        .only_tenants(&tenant(members))
}

fn tenant(members: &str) -> String {
    format!("[[tenants]]\nid = \"acme\"\nname = \"Acme\"\nmembers = [{members}]\n")
}

fn get(token: &Token) -> Request {
    Request::get("/whoami").tenant("acme").bearer(&token.sign())
}

fn by(issuer: &str, subject: &str) -> Token {
    Token::of(subject).claim("iss", issuer)
}

/// One subject by two issuers is two people; who is listed without an issuer comes by any.
#[test]
fn issuers() {
    let one = format!(r#"{{ subject = "alice", issuer = {ISSUER:?} }}"#);
    let members =
        format!(r#"{one}, {{ subject = "bob", issuer = "https://two.example" }}, "carol", {{ subject = "dan" }}"#);
    for server in Server::each(&setup(&members)) {
        for (subject, first, second) in [
            ("alice", "200 acme header", "403 forbidden"),
            ("bob", "403 forbidden", "200 acme header"),
            ("carol", "200 acme header", "200 acme header"),
            ("dan", "200 acme header", "200 acme header"),
            ("eve", "403 forbidden", "403 forbidden"),
        ] {
            let rows = [
                (get(&by(ISSUER, subject)), first),
                (get(&by("https://two.example", subject)), second),
            ];
            check(&server, &rows);
            // Once more, from what is kept.
            check(&server, &rows);
        }
    }
}

#[test]
fn roles() {
    let members = format!(
        r#"{{ subject = "alice", roles = ["editor", "billing admin"] }}, {{ subject = "bob", roles = [] }}, "carol",
           {{ subject = "alice", issuer = {ISSUER:?}, roles = ["owner"] }}"#
    );
    for server in Server::each(&setup(&members)) {
        for (token, roles) in [
            (
                by("https://two.example", "alice"),
                Some(vec!["editor", "billing admin"]),
            ),
            (by(ISSUER, "alice"), Some(vec!["editor", "billing admin", "owner"])),
            (Token::of("bob"), None),
            (Token::of("carol"), None),
        ] {
            for _ in 0..2 {
                let body = server.exchange(&get(&token)).json();
                let mut found = body.get("roles").cloned();
                // Which of two memberships comes first is the directory's matter.
                if let Some(found) = found.as_mut().and_then(|roles| roles.as_array_mut()) {
                    found.sort_by_key(ToString::to_string);
                }
                let expected = roles.clone().map(|mut roles| {
                    roles.sort_unstable();
                    json!(roles)
                });
                assert_eq!(found, expected, "{body}");
            }
        }
    }
}

/// A member who is taken out of the configuration is none after the next start.
#[test]
fn members_follow_the_configuration() {
    let setup = Setup::new(&["header"]).enforcement(r#"membership = "directory""#);
    let [alice, both] = ["alice", "both"].map(|subject| get(&Token::of(subject)));
    for server in Server::each(&setup) {
        check(&server, &[(alice.clone(), "200 acme header")]);
        let folder = server.into_folder();
        let toml = setup
            .toml()
            .replace(r#"members = ["alice", "both"]"#, r#"members = ["both"]"#);
        folder.configure(&toml);
        let server = Server::start_in(folder);
        check(
            &server,
            &[(alice.clone(), "403 forbidden"), (both.clone(), "200 acme header")],
        );
    }
}

#[test]
fn what_is_refused() {
    let with = |members: &str| header().only_tenants(&tenant(members)).toml();
    check_refused(&[
        (
            "no subject",
            with("{ roles = [] }"),
            &["tenants[0].members[0].subject", "required"],
        ),
        (
            "an empty subject",
            with(r#""alice", """#),
            &["tenants[0].members[1].subject"],
        ),
        (
            "a subject that is none",
            with(r#"{ subject = "a\nb" }"#),
            &["tenants[0].members[0].subject"],
        ),
        (
            "a role that is none",
            with(r#"{ subject = "a", roles = ["x", ""] }"#),
            &["members[0].roles"],
        ),
        (
            "roles that are no list",
            with(r#"{ subject = "a", roles = "x" }"#),
            &["tenants[0].members[0].roles"],
        ),
        (
            "an empty issuer",
            with(r#"{ subject = "a", issuer = "" }"#),
            &["members[0].issuer", "empty"],
        ),
        (
            "an issuer that is not accepted",
            with(r#""a", { subject = "a", issuer = "https://issuer.example.org" }"#),
            &["tenants[0].members[1].issuer", "https://issuer.example.org", ISSUER],
        ),
        (
            "an unknown key",
            with(r#"{ subject = "a", role = ["x"] }"#),
            &["members[0]", "`role`", "`roles`"],
        ),
        (
            "a number",
            with("1"),
            &["tenants[0].members[0]", "a subject, or a table"],
        ),
        (
            "a member twice",
            with(r#""a", "b", { subject = "a" }"#),
            &["members[2]", "twice"],
        ),
    ]);
    // Of whom nobody says whose tokens are accepted, any may be.
    let any = header()
        .jwt_only("dangerously_accept_any_issuer = true\naudience = \"notes\"")
        .enforcement(r#"membership = "directory""#)
        .only_tenants(&tenant(r#"{ subject = "alice", issuer = "https://three.example" }"#));
    let server = Server::start(&any);
    let rows = [
        (get(&by("https://three.example", "alice")), "200 acme header"),
        (get(&by(ISSUER, "alice")), "403 forbidden"),
    ];
    check(&server, &rows);
}

//! Who is a member: what the token names, or what the directory says.

use crate::answer::check;
use crate::raw::Request;
use crate::server::Server;
use crate::setup::Setup;
use crate::token::Token;

fn get(tenant: &str, token: &Token) -> Request {
    Request::get("/whoami").tenant(tenant).bearer(&token.sign())
}

/// `membership = "claim"`: the tenant claim must name the tenant. The directory's members do not count.
#[test]
fn the_tenant_claim() {
    for server in Server::each(&Setup::new(&["header"]).enforcement(r#"membership = "claim""#)) {
        check(
            &server,
            &[
                (get("acme", &Token::of("nobody").tenant("acme")), "200 acme header"),
                (get("acme", &Token::of("alice")), "403 forbidden"),
                (get("acme", &Token::of("alice").tenant("globex")), "403 forbidden"),
                // By the form of the claim, which is an id.
                (get("acme", &Token::of("alice").tenant("acme-inc")), "403 forbidden"),
                (get("acme", &Token::of("alice").tenant("org-acme1")), "403 forbidden"),
                // A list that is not configured is not read.
                (
                    get("acme", &Token::of("alice").claim("tenants", ["acme"].as_slice())),
                    "403 forbidden",
                ),
                (
                    get("acme", &Token::of("alice").tenant("acme").claim("tenants", 1)),
                    "200 acme header",
                ),
            ],
        );
    }
}

#[test]
fn by_the_form_of_the_claim() {
    for (form, right, wrong) in [("slug", "acme-inc", "acme"), ("external", "org_Acme1", "acme")] {
        let setup = Setup::new(&["header"])
            .resolution(&format!("jwt_claim_form = {form:?}"))
            .enforcement(r#"tenants_claim = "tenants""#);
        for server in Server::each(&setup) {
            check(
                &server,
                &[
                    (get("acme", &Token::of("alice").tenant(right)), "200 acme header"),
                    (get("acme", &Token::of("alice").tenant(wrong)), "403 forbidden"),
                    (
                        get("acme", &Token::of("alice").claim("tenants", ["x", right].as_slice())),
                        "200 acme header",
                    ),
                    (
                        get("acme", &Token::of("alice").claim("tenants", ["x", wrong].as_slice())),
                        "403 forbidden",
                    ),
                ],
            );
        }
    }
}

/// The list claim: an array of names, or 401.
#[test]
fn the_list_claim() {
    let setup = Setup::new(&["header", "jwt_claim"]).enforcement(r#"tenants_claim = "https://example.com/orgs""#);
    for server in Server::each(&setup) {
        let list = |value: serde_json::Value| Token::of("alice").claim("https://example.com/orgs", value);
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let mut rows = vec![
            (get("acme", &list(json(r#"["globex","acme"]"#))), "200 acme header"),
            (get("globex", &list(json(r#"["globex","acme"]"#))), "200 globex header"),
            (get("hooli", &list(json(r#"["globex","acme"]"#))), "403 forbidden"),
            (get("acme", &list(json("[]"))), "403 forbidden"),
            (get("acme", &list(json("[]")).tenant("acme")), "200 acme header"),
            (
                get("globex", &list(json(r#"["globex"]"#)).tenant("acme")),
                "200 globex header",
            ),
            // A list names no tenant for the request.
            (
                Request::get("/whoami").bearer(&list(json(r#"["acme"]"#)).sign()),
                "401 tenant_required",
            ),
        ];
        for malformed in [
            r#""acme""#,
            "null",
            "{}",
            "1",
            r#"["acme",1]"#,
            r#"["acme",null]"#,
            r#"["acme",["acme"]]"#,
            r#"["acme","Globex"]"#,
            r#"["acme",""]"#,
        ] {
            rows.push((get("acme", &list(json(malformed))), "401 invalid_token"));
        }
        check(&server, &rows);
    }
}

/// `membership = "directory"`: the directory says whether the subject is a member; the tenant claim does not bind.
#[test]
fn the_directory() {
    for server in Server::each(&Setup::new(&["header"]).enforcement(r#"membership = "directory""#)) {
        check(
            &server,
            &[
                (get("acme", &Token::of("alice")), "200 acme header"),
                (get("acme", &Token::of("alice").tenant("globex")), "200 acme header"),
                (get("globex", &Token::of("alice").tenant("globex")), "403 forbidden"),
                (get("acme", &Token::of("bob").tenant("acme")), "403 forbidden"),
                (get("acme", &Token::of("both")), "200 acme header"),
                (get("globex", &Token::of("both")), "200 globex header"),
                (get("acme", &Token::of("Alice")), "403 forbidden"),
                (get("acme", &Token::of("nobody")), "403 forbidden"),
                (get("suspended", &Token::of("alice")), "403 forbidden"),
                (get("nosuch", &Token::of("alice")), "403 forbidden"),
                // A malformed claim is 401 wherever the token is read.
                (
                    get("acme", &Token::of("alice").claim("tenant_id", 1)),
                    "401 invalid_token",
                ),
                (Request::get("/whoami").tenant("acme"), "401 credentials_required"),
            ],
        );
    }
}

/// Under `directory` the claim binds where `jwt_claim` is a resolver that is reached.
#[test]
fn the_directory_and_the_claim() {
    let setup = Setup::new(&["header", "jwt_claim"]).enforcement(r#"membership = "directory""#);
    for server in Server::each(&setup) {
        let by_claim = |token: &Token| Request::get("/whoami").bearer(&token.sign());
        check(
            &server,
            &[
                (by_claim(&Token::of("alice").tenant("acme")), "200 acme jwt_claim"),
                (by_claim(&Token::of("alice").tenant("globex")), "403 forbidden"),
                (get("acme", &Token::of("alice").tenant("globex")), "200 acme header"),
            ],
        );
    }
}

/// A member who is taken out of the configuration is none after the next start.
#[test]
fn members_follow_the_configuration() {
    let setup = Setup::new(&["header"]).enforcement(r#"membership = "directory""#);
    for server in Server::each(&setup) {
        check(&server, &[(get("acme", &Token::of("alice")), "200 acme header")]);
        let folder = server.into_folder();
        let toml = setup
            .toml()
            .replace(r#"members = ["alice", "both"]"#, r#"members = ["both"]"#);
        folder.configure(&toml);
        let server = Server::start_in(folder);
        check(
            &server,
            &[
                (get("acme", &Token::of("alice")), "403 forbidden"),
                (get("acme", &Token::of("both")), "200 acme header"),
            ],
        );
    }
}

//! The tables `[[tenants]]`: where they are wrong, and what may change from one start to the next.

use crate::client::answer::check;
use crate::client::raw::Request;
use crate::client::token::Token;
use crate::service::refused::{check_refused, header, refused};
use crate::service::server::{Folder, Server};
use crate::service::setup::Setup;

fn tenant(lines: &str) -> String {
    header()
        .tenants(&format!("[[tenants]]\nname = \"X\"\nmembers = []\n{lines}\n"))
        .toml()
}

const REST: &str = "status = \"active\"\nstrategy = \"row\"";

#[test]
fn tenants() {
    let with = |lines: &str| tenant(&format!("{lines}\n{REST}"));
    check_refused(&[
        ("no id", with(""), &["id"]),
        ("an id in upper case", with(r#"id = "Acme2""#), &["id"]),
        ("an empty id", with(r#"id = """#), &["id"]),
        ("a long id", with(&format!("id = \"{}\"", "x".repeat(64))), &["id"]),
        ("one id twice", with("id = \"acme\"\nslug = \"x\""), &["id", "acme"]),
        (
            "one slug twice",
            with("id = \"x\"\nslug = \"acme-inc\""),
            &["slug", "acme-inc"],
        ),
        (
            "the default slug of another",
            with("id = \"x\"\nslug = \"initech\""),
            &["slug", "initech"],
        ),
        ("a slug that is none", with("id = \"x\"\nslug = \"a b\""), &["slug"]),
        (
            "one external id twice",
            with("id = \"x\"\nexternal_id = \"org_Acme1\""),
            &["external_id|external id", "org_Acme1"],
        ),
        (
            "an external id that is none",
            with("id = \"x\"\nexternal_id = \"a b\""),
            &["external_id"],
        ),
        (
            "one domain twice",
            with("id = \"x\"\ndomains = [\"ACME-corp.example.\"]"),
            &["domain", "acme-corp.example"],
        ),
        (
            "a domain that is none",
            with("id = \"x\"\ndomains = [\"a..b\"]"),
            &["domains"],
        ),
        ("a reserved id", with(r#"id = "www""#), &["www", "reserved"]),
        (
            "a reserved slug",
            with("id = \"x\"\nslug = \"admin\""),
            &["slug", "admin"],
        ),
        (
            "an unknown status",
            tenant("id = \"x\"\nstatus = \"activ\"\nstrategy = \"row\""),
            &["status", "active"],
        ),
        (
            "an unknown strategy",
            tenant("id = \"x\"\nstatus = \"active\"\nstrategy = \"rows\""),
            &["strategy", "row"],
        ),
        // What SQLite does not have, it says what would have it.
        (
            "schema",
            tenant("id = \"x\"\nstatus = \"active\"\nstrategy = \"schema\""),
            &["schema", "Postgre"],
        ),
        ("an unknown key", with("id = \"x\"\nslugs = \"x\""), &["slugs", "slug"]),
    ]);
}

/// A strategy that changed refuses to start: the data would be left where it is.
#[test]
fn a_changed_strategy() {
    let one = |strategy: &str| {
        let tenant = format!(
            "[[tenants]]\nid = \"acme\"\nname = \"Acme\"\nstatus = \"active\"\nstrategy = \"{strategy}\"\nmembers = []\n"
        );
        header().only_tenants(&tenant).toml()
    };
    for (before, after) in [("row", "database"), ("database", "row")] {
        let folder = Server::start_in(Folder::new(&one(before))).into_folder();
        folder.configure(&one(after));
        let message = refused(&folder).unwrap();
        assert!(message.contains("strategy") && message.contains("acme"), "{message}");
        // The old configuration still holds.
        folder.configure(&one(before));
        Server::start_in(folder);
    }
}

/// Everything else of a tenant may change: it is upserted.
#[test]
fn a_changed_tenant() {
    let token = Token::of("alice").tenant("acme").sign();
    let setup = Setup::new(&["path"]);
    let get = |slug: &str| Request::get(&format!("/api/v1/{slug}/whoami")).bearer(&token);
    let server = Server::start(&setup);
    check(
        &server,
        &[(get("acme-inc"), "200 acme path"), (get("acme-ltd"), "403 forbidden")],
    );
    let folder = server.into_folder();
    folder.configure(&setup.toml().replace("slug = \"acme-inc\"", "slug = \"acme-ltd\""));
    let server = Server::start_in(folder);
    check(
        &server,
        &[(get("acme-ltd"), "200 acme path"), (get("acme-inc"), "403 forbidden")],
    );
    let folder = server.into_folder();
    folder.configure(
        &setup
            .toml()
            .replacen("status = \"active\"", "status = \"suspended\"", 1),
    );
    let server = Server::start_in(folder);
    check(&server, &[(get("acme-inc"), "403 forbidden")]);
}

/// A slug does not pass from one tenant to another by the order of a file: what answered to it would change hands.
#[test]
fn slugs_that_change_hands() {
    let setup = Setup::new(&["path"]);
    let folder = Server::start(&setup).into_folder();
    let swapped = setup
        .toml()
        .replace("slug = \"acme-inc\"", "slug = \"?\"")
        .replace("slug = \"globex-shop\"", "slug = \"acme-inc\"")
        .replace("slug = \"?\"", "slug = \"globex-shop\"");
    folder.configure(&swapped);
    let message = refused(&folder).unwrap();
    assert!(message.contains("slug") && message.contains("globex-shop"), "{message}");
    // Nothing of it was done.
    folder.configure(&setup.toml());
    let server = Server::start_in(folder);
    let token = Token::of("alice").tenant("acme").sign();
    let get = Request::get("/api/v1/acme-inc/whoami").bearer(&token);
    check(&server, &[(get, "200 acme path")]);
}

/// A configured list of reserved names replaces the default one: `api` may be a tenant then.
#[test]
fn a_name_that_is_no_longer_reserved() {
    let setup = Setup::new(&["subdomain"])
        .resolution(r#"reserved = ["intern"]"#)
        .tenants("[[tenants]]\nid = \"api\"\nname = \"API\"\nstatus = \"active\"\nstrategy = \"row\"\nmembers = []\n");
    let server = Server::start(&setup);
    let token = Token::of("alice").tenant("api").sign();
    let request = Request::get("/whoami").host("api.app.example.com").bearer(&token);
    check(&server, &[(request, "200 api subdomain")]);
}

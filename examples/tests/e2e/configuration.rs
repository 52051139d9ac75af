//! A configuration that is wrong ends the program before it listens, with a non-zero status, and names the key.

use std::process::Stdio;
use std::time::Duration;

use crate::answer::check;
use crate::raw::Request;
use crate::server::{Folder, Server, wait};
use crate::setup::{SECRET, Setup};
use crate::token::Token;

/// Starts with a configuration that must be refused, and answers what is said on standard error.
fn refused(folder: &Folder) -> Result<String, String> {
    let mut child = folder
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let Some(status) = wait(&mut child, Duration::from_secs(15)) else {
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        return Err(format!(
            "it runs, and printed {}",
            String::from_utf8_lossy(&output.stdout)
        ));
    };
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if status.success() || stdout.contains("listening") {
        return Err(format!("{status}, and printed {stdout}"));
    }
    // A panic is no message.
    if stderr.contains("panicked") || status.code().is_none() {
        return Err(format!("{status}: {stderr}"));
    }
    Ok(stderr.into_owned())
}

/// Checks a table of configurations, each with words that the message must have; `|` stands between alternatives.
fn check_refused(rows: &[(&str, String, &[&str])]) {
    let mut wrong = String::new();
    for (what, toml, words) in rows {
        match refused(&Folder::new(toml)) {
            Ok(message) => {
                for word in words
                    .iter()
                    .filter(|word| !word.split('|').any(|word| message.contains(word)))
                {
                    wrong.push_str(&format!("\n  {what}: `{word}` is missing from {message:?}"));
                }
            }
            Err(found) => wrong.push_str(&format!("\n  {what}: {found}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn header() -> Setup {
    Setup::new(&["header"])
}

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

/// Keys, issuer, audience, leeway.
#[test]
fn tokens() {
    let keys = |keys: &str| header().keys(keys).toml();
    let key = |lines: &str| keys(&format!("[[jwt.keys]]\nkid = \"dev\"\n{lines}\n"));
    let hs = r#"algorithm = "HS256""#;
    check_refused(&[
        (
            "no issuer",
            header().jwt_only(r#"audience = "notes""#).toml(),
            &["issuer"],
        ),
        (
            "no audience",
            header().jwt_only(r#"issuer = "x""#).toml(),
            &["audience"],
        ),
        (
            "an empty issuer",
            header().jwt_only("issuer = \"\"\naudience = \"notes\"").toml(),
            &["issuer"],
        ),
        (
            "an empty audience",
            header().jwt_only("issuer = \"x\"\naudience = \"\"").toml(),
            &["audience"],
        ),
        (
            "leeway",
            header().jwt("leeway_seconds = 61").toml(),
            &["leeway_seconds", "60"],
        ),
        (
            "negative leeway",
            header().jwt("leeway_seconds = -1").toml(),
            &["leeway_seconds"],
        ),
        ("no keys", keys(""), &["keys"]),
        ("a key without material", key(hs), &["secret"]),
        (
            "a short secret",
            key(&format!("{hs}\nsecret = \"{}\"", "x".repeat(31))),
            &["secret", "32"],
        ),
        ("an empty secret", key(&format!("{hs}\nsecret = \"\"")), &["secret"]),
        (
            "a short secret in a file",
            key(&format!("{hs}\nsecret_file = \"short.key\"")),
            &["secret_file|jwt.keys[0]"],
        ),
        (
            "a missing file",
            key(&format!("{hs}\nsecret_file = \"nosuch.key\"")),
            &["secret_file", "nosuch.key"],
        ),
        (
            "two secrets",
            key(&format!("{hs}\nsecret = {SECRET:?}\nsecret_file = \"dev.key\"")),
            &["secret"],
        ),
        ("no algorithm", key(&format!("secret = {SECRET:?}")), &["algorithm"]),
        (
            "a public key for HMAC",
            key(&format!("{hs}\npublic_key_file = \"rsa.pem\"")),
            &["public_key_file|secret"],
        ),
        (
            "a secret for RSA",
            key(&format!("algorithm = \"RS256\"\nsecret = {SECRET:?}")),
            &["secret|public_key_file"],
        ),
        (
            "a missing PEM",
            key("algorithm = \"RS256\"\npublic_key_file = \"nosuch.pem\""),
            &["public_key_file", "nosuch.pem"],
        ),
        (
            "a PEM that is none",
            key("algorithm = \"RS256\"\npublic_key_file = \"dev.key\""),
            &["public_key_file|jwt.keys[0]"],
        ),
        (
            "a short RSA key",
            key("algorithm = \"RS256\"\npublic_key_file = \"rsa-1024.pem\""),
            &["public_key_file|jwt.keys[0]", "2048"],
        ),
        (
            "a key of another kind",
            key("algorithm = \"RS256\"\npublic_key_file = \"ec.pem\""),
            &["public_key_file|jwt.keys[0]"],
        ),
        (
            "one kid twice",
            key(&format!(
                "{hs}\nsecret = {SECRET:?}\n[[jwt.keys]]\nkid = \"dev\"\n{hs}\nsecret_file = \"dev.key\""
            )),
            &["kid", "dev"],
        ),
        (
            "symmetric beside asymmetric",
            key(&format!(
                "{hs}\nsecret = {SECRET:?}\n[[jwt.keys]]\nkid = \"rsa\"\nalgorithm = \"RS256\"\npublic_key_file = \"rsa.pem\""
            )),
            &["keys"],
        ),
    ]);
}

/// A message never has the secret.
#[test]
fn secrets_are_not_told() {
    let secret = "a-secret-that-is-short";
    let keys = format!("[[jwt.keys]]\nkid = \"dev\"\nalgorithm = \"HS256\"\nsecret = \"{secret}\"\n");
    let message = refused(&Folder::new(&header().keys(&keys).toml())).unwrap();
    assert!(!message.contains(secret), "{message}");
    // Nor where the line that it stands on is wrong.
    let keys = format!("[[jwt.keys]]\nkid = \"dev\"\nalgorithm = \"HS256\"\nsecrets = \"{secret}\"\n");
    let message = refused(&Folder::new(&header().keys(&keys).toml())).unwrap();
    assert!(!message.contains(secret), "{message}");
    // Nor where it is of a type that no secret has.
    let number = "3133731337313373133";
    let keys = format!("[[jwt.keys]]\nkid = \"dev\"\nalgorithm = \"HS256\"\nsecret = {number}\n");
    let message = refused(&Folder::new(&header().keys(&keys).toml())).unwrap();
    assert!(
        message.contains("jwt.keys[0].secret") && !message.contains(number),
        "{message}"
    );
}

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

/// The configuration that documents every setting works as it is.
#[test]
fn the_documented_one() {
    let server = Server::start_in(Folder::new(include_str!("../../notes.toml")));
    let signed = std::process::Command::new(env!("CARGO_BIN_EXE_notes"))
        .args(["token", "--subject", "alice", "--tenant", "acme", "--config"])
        .arg(server.folder().path().join("notes.toml"))
        .output()
        .unwrap();
    let token = String::from_utf8(signed.stdout).unwrap();
    let get = Request::get("/whoami").bearer(token.trim());
    check(&server, &[(get, "200 acme jwt_claim")]);
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

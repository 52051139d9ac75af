//! The directory's answers are cached until a change is notified or their time to live is over.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tenancy_sqlx::SqliteDirectory;

use crate::client::answer::{answer, check};
use crate::client::raw::Request;
use crate::client::token::Token;
use crate::service::refused::{check_refused, header};
use crate::service::server::Server;
use crate::service::setup::Setup;

const ADMITTED: &str = "200 acme header";
const REFUSED: &str = "403 forbidden";

fn get(subject: &str) -> Request {
    Request::get("/whoami")
        .tenant("acme")
        .bearer(&Token::of(subject).sign())
}

fn setup(cache: &str) -> Setup {
    let setup = Setup::new(&["header"]).enforcement(r#"membership = "directory""#);
    setup.cache(cache)
}

/// Kept for a day: whatever goes unnoticed goes unnoticed in these tests.
const A_DAY: &str = "time_to_live_seconds = 86400\nmiss_time_to_live_seconds = 86400";

/// Asks until the answer is this one.
fn eventually(server: &Server, request: &Request, expected: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = answer(&server.exchange(request));
        if found == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{found}, not {expected}\n{}", server.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Another process puts the tenants of another configuration into the same directory.
fn change_behind(server: &Server, toml: &str) {
    server.folder().configure(toml);
    let mut other = server
        .folder()
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(other.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(line.starts_with("listening"), "{line}");
}

/// The status of the first tenant, `acme`.
fn suspended(setup: &Setup) -> String {
    setup
        .toml()
        .replacen(r#"status = "active""#, r#"status = "suspended""#, 1)
}

/// The members of `acme`.
fn with_members(setup: &Setup, members: &str) -> String {
    let members = format!("members = {members}");
    setup.toml().replacen(r#"members = ["alice", "both"]"#, &members, 1)
}

/// A server that makes a change knows of it at once, however long answers are kept.
#[test]
fn what_this_process_changes() {
    let setup = setup(A_DAY);
    for server in Server::each(&setup) {
        check(&server, &[(get("alice"), ADMITTED), (get("dora"), REFUSED)]);
        for (toml, alice, dora) in [
            (suspended(&setup), REFUSED, REFUSED),
            (setup.toml(), ADMITTED, REFUSED),
            (with_members(&setup, r#"["dora"]"#), REFUSED, ADMITTED),
            (setup.toml(), ADMITTED, REFUSED),
        ] {
            server.folder().configure(&toml);
            server.signal("HUP");
            eventually(&server, &get("alice"), alice);
            eventually(&server, &get("dora"), dora);
        }
    }
}

/// What another process changes is noticed where nothing is kept, or when the answer's time is over.
#[test]
fn what_another_process_changes() {
    for server in Server::each(&setup(A_DAY)) {
        check(&server, &[(get("alice"), ADMITTED)]);
        change_behind(&server, &suspended(&setup(A_DAY)));
        check(&server, &[(get("alice"), ADMITTED)]);
        // Told to look, it knows.
        server.signal("HUP");
        eventually(&server, &get("alice"), REFUSED);
    }
    for change in [suspended, |setup: &Setup| with_members(setup, "[]")] {
        let off = setup("enabled = false");
        let server = Server::start(&off);
        check(&server, &[(get("alice"), ADMITTED)]);
        change_behind(&server, &change(&off));
        check(&server, &[(get("alice"), REFUSED)]);

        let short = setup("time_to_live_seconds = 1");
        let server = Server::start(&short);
        check(&server, &[(get("alice"), ADMITTED)]);
        change_behind(&server, &change(&short));
        eventually(&server, &get("alice"), REFUSED);
    }
}

/// The tenants of the file are a seed: what an operator changes in the directory stays, until the file says something new.
#[test]
fn what_an_operator_changes_stays() {
    let setup = setup("enabled = false");
    let server = Server::start(&setup);
    check(&server, &[(get("alice"), ADMITTED)]);
    let file = server.folder().path().join("data/directory.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let directory = SqliteDirectory::open(file).await.unwrap();
        directory.suspend(&"acme".parse().unwrap()).await.unwrap();
        directory.close().await;
    });
    check(&server, &[(get("alice"), REFUSED)]);
    let server = Server::start_in(server.into_folder());
    check(&server, &[(get("alice"), REFUSED)]);
    server.folder().configure(&with_members(&setup, r#"["alice", "dora"]"#));
    server.signal("HUP");
    eventually(&server, &get("dora"), ADMITTED);
    check(&server, &[(get("alice"), ADMITTED)]);
}

/// A file that is wrong changes nothing, and the server goes on.
#[test]
fn a_file_that_cannot_be_read_again() {
    let setup = setup(A_DAY);
    let server = Server::start(&setup);
    for (toml, word) in [
        (format!("{}\nunknown = 1\n", suspended(&setup)), "unknown"),
        (
            suspended(&setup).replace(r#"slug = "globex-shop""#, r#"slug = "initech""#),
            "initech",
        ),
        (
            suspended(&setup).replace(r#"strategy = "database""#, r#"strategy = "row""#),
            "globex",
        ),
    ] {
        server.folder().configure(&toml);
        server.signal("HUP");
        let told = |line: &str| line.contains("could not be read again") && line.contains(word);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !server.log().lines().any(told) {
            assert!(Instant::now() < deadline, "`{word}` is missing from\n{}", server.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        check(&server, &[(get("alice"), ADMITTED)]);
    }
}

#[test]
fn what_is_refused() {
    let with = |line: &str| header().cache(line).toml();
    let bounds = &["`enabled = false`"][..];
    check_refused(&[
        (
            "an unknown key",
            with("enable = false"),
            &["cache", "enable", "enabled"],
        ),
        ("no switch", with(r#"enabled = "no""#), &["cache.enabled"]),
        (
            "no time",
            with("time_to_live_seconds = 0"),
            &["cache.time_to_live_seconds", "86400", bounds[0]],
        ),
        (
            "too long",
            with("time_to_live_seconds = 86401"),
            &["cache.time_to_live_seconds", "86400"],
        ),
        (
            "a negative time",
            with("time_to_live_seconds = -1"),
            &["cache.time_to_live_seconds"],
        ),
        (
            "a time with a unit",
            with(r#"time_to_live_seconds = "60s""#),
            &["cache.time_to_live_seconds"],
        ),
        (
            "no time for misses",
            with("miss_time_to_live_seconds = 0"),
            &["cache.miss_time_to_live_seconds"],
        ),
        ("no place", with("capacity = 0"), &["cache.capacity", bounds[0]]),
        ("too many", with("capacity = 1000001"), &["cache.capacity", "1000000"]),
        (
            "no place for misses",
            with("miss_capacity = 0"),
            &["cache.miss_capacity"],
        ),
        // Also where it is off.
        (
            "off and wrong",
            with("enabled = false\ncapacity = 0"),
            &["cache.capacity"],
        ),
    ]);
    let most = "time_to_live_seconds = 86400\ncapacity = 1000000\nmiss_capacity = 1000000";
    check(&Server::start(&setup(most)), &[(get("alice"), ADMITTED)]);
}

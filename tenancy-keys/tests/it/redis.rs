//! Patterns and deletions, by a model of the server's matcher and by a server.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use tenancy_keys::TextKeys;

use crate::hostile::{key, namespace, tenant};
use crate::member;

fn keys(namespace: &str) -> TextKeys {
    TextKeys::new(namespace.parse().unwrap())
}

/// As the server matches a key, byte by byte: `*`, `?`, `[…]` with `^` and ranges, and `\` before any of them.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => {
            (0..=text.len()).any(|skipped| text.get(skipped..).is_some_and(|text| matches(rest, text)))
        }
        [b'?', rest @ ..] => matches!(text, [_, others @ ..] if matches(rest, others)),
        [b'[', class @ ..] => {
            let [first, others @ ..] = text else { return false };
            let (is_not, class) = match class {
                [b'^', class @ ..] => (true, class),
                class => (false, class),
            };
            let (mut class, mut is_in) = (class, false);
            loop {
                class = match class {
                    [b'\\', byte, rest @ ..] => {
                        is_in |= byte == first;
                        rest
                    }
                    [b']', rest @ ..] => break is_in != is_not && matches(rest, others),
                    [from, b'-', to, rest @ ..] => {
                        is_in |= (from.min(to)..=from.max(to)).contains(&first);
                        rest
                    }
                    [byte, rest @ ..] => {
                        is_in |= byte == first;
                        rest
                    }
                    [] => break is_in != is_not && others.is_empty(),
                }
            }
        }
        [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
            matches!(text, [first, others @ ..] if first == byte && matches(rest, others))
        }
    }
}

#[test]
fn patterns_are_as_they_are_documented() {
    for (begins_with, expected) in [
        ("", "sessions:acme:*"),
        ("user:", "sessions:acme:user:*"),
        ("*", r"sessions:acme:\**"),
        ("?[^a-z]", r"sessions:acme:\?\[^a-z]*"),
        (r"\", r"sessions:acme:\\*"),
        (r"\*", r"sessions:acme:\\\**"),
        ("ä", "sessions:acme:ä*"),
    ] {
        assert_eq!(keys("sessions").pattern(&member("acme"), begins_with), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// It matches what begins with the text, of that tenant, and nothing else.
    #[test]
    fn a_pattern_matches_what_begins_so(
        namespaces in (namespace(), namespace()),
        tenants in (tenant(), tenant()),
        begins_with in key(),
        own in key(),
        share in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        let namespace = if share.0 { &namespaces.0 } else { &namespaces.1 };
        let tenant = if share.1 { &tenants.0 } else { &tenants.1 };
        let own = if share.2 { format!("{begins_with}{own}") } else { own };
        let pattern = keys(&namespaces.0).pattern(&member(&tenants.0), &begins_with);
        let text = keys(namespace).key(&member(tenant), &own);
        let expected = *namespace == namespaces.0 && *tenant == tenants.0 && own.starts_with(&begins_with);
        prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{:?} {:?}", pattern, text);
    }
}

/// A server of this test's own, which is gone when the test ends.
struct Server {
    folder: tempfile::TempDir,
    process: Child,
}

impl Server {
    /// `None` where there is no server to start.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // On Debian the tools have the same program by another name, without a service that starts by itself.
        let programs = ["redis-server", "valkey-server", "redis-check-rdb"];
        let process = programs.into_iter().find_map(|program| {
            let mut command = Command::new(program);
            command
                .arg0("redis-server")
                .args(["--port", "0", "--unixsocket"])
                .arg(folder.path().join("socket"))
                .args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"])
                .arg(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.spawn().ok()
        });
        let Some(process) = process else {
            println!("NOT CHECKED: no Redis server is installed (Debian: redis-tools)");
            return None;
        };
        Some(Self { folder, process })
    }

    async fn connect(&self) -> MultiplexedConnection {
        let client = redis::Client::open(format!("unix://{}", self.folder.path().join("socket").display())).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match client.get_multiplexed_async_connection().await {
                Ok(connection) => return connection,
                Err(error) => assert!(Instant::now() < deadline, "the server does not answer: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended by itself, or ends now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Everything that is in the server.
async fn all(connection: &mut MultiplexedConnection) -> BTreeSet<Vec<u8>> {
    connection.keys("*").await.unwrap()
}

#[tokio::test]
async fn a_server_deletes_a_tenants_keys_and_no_others() {
    let Some(server) = Server::start() else { return };
    let mut connection = server.connect().await;
    let (notes, other) = (keys("notes"), keys("notes.x"));
    let mut runner = TestRunner::deterministic();
    let mut kept = BTreeSet::new();
    // More than one step of a scan.
    let mut written = BTreeSet::new();
    for number in 0..3_000 {
        let own = key().new_tree(&mut runner).unwrap().current();
        let own = format!("{own}{}", number % 700);
        let tenant = ["acme", "acme2", "acme-", "a", "globex"][number % 5];
        let keys = if number % 3 == 0 { &other } else { &notes };
        let text = keys.key(&member(tenant), &own);
        let _: () = connection.set(&text, 1).await.unwrap();
        let is_deleted = tenant == "acme" && number % 3 != 0;
        let set = if is_deleted { &mut written } else { &mut kept };
        set.insert(text.into_bytes());
    }
    // What is no text at all, and what other services have.
    for foreign in [
        &b"notes:acme"[..],
        b"notes:acme\xff:x",
        b"\xff",
        b"xnotes:acme:y",
        b"notes:acme2:\xfe",
        b"",
    ] {
        let _: () = connection.set(foreign, 1).await.unwrap();
        kept.insert(foreign.to_vec());
    }
    let not_text = b"notes:acme:\xff".to_vec();
    let _: () = connection.set(&not_text, 1).await.unwrap();
    written.insert(not_text);

    let acme = member("acme");
    let deleted = notes
        .dangerously_delete_tenant(&mut connection, acme.id())
        .await
        .unwrap();
    assert_eq!(usize::try_from(deleted).unwrap(), written.len());
    assert_eq!(all(&mut connection).await, kept);
    assert_eq!(
        notes
            .dangerously_delete_tenant(&mut connection, acme.id())
            .await
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn a_server_deletes_what_begins_so() {
    let Some(server) = Server::start() else { return };
    let mut connection = server.connect().await;
    let notes = keys("notes");
    let (acme, globex) = (member("acme"), member("globex"));
    let texts = [
        "*", "**", "*a", "[a]", "[a]b", "a", "ab", r"\", r"\a", r"\*", "?", "?x", "ä", "ß", "{x}", "",
    ];
    for begins_with in texts {
        for tenant in [&acme, &globex] {
            for text in texts {
                let _: () = connection.set(notes.key(tenant, text), 1).await.unwrap();
            }
        }
        let of_acme = texts.iter().filter(|text| text.starts_with(begins_with));
        let deleted = notes.delete(&mut connection, &acme, begins_with).await.unwrap();
        assert_eq!(usize::try_from(deleted).unwrap(), of_acme.count(), "{begins_with}");
        let left: BTreeSet<Vec<u8>> = all(&mut connection).await;
        let kept = texts.iter().filter(|text| !text.starts_with(begins_with));
        let kept = kept.map(|text| notes.key(&acme, text));
        let expected = kept.chain(texts.iter().map(|text| notes.key(&globex, text)));
        assert_eq!(left, expected.map(String::into_bytes).collect(), "{begins_with}");
        // The model is the server's own matcher.
        for pattern in [notes.pattern(&acme, begins_with), format!("notes:acme:{begins_with}")] {
            let found: BTreeSet<Vec<u8>> = connection.keys(&pattern).await.unwrap();
            let model = left
                .iter()
                .filter(|key| matches(pattern.as_bytes(), key))
                .cloned()
                .collect();
            assert_eq!(found, model, "{pattern}");
        }
    }
}

//! Events, listed and followed.

use serde_json::Value;

use crate::support::{Service, on_both};

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn events_are_followed(service: &Service) {
    service.run(["tenant", "create", "acme", "--strategy", "row"]).ended(0);
    service
        .run(["tenant", "create", "globex", "--strategy", "row"])
        .ended(0);
    let tail = ["events", "tail", "--json", "--every", "10ms"];
    let first = service
        .run(tail.into_iter().chain(["--after", "0", "--limit", "3"]))
        .ended(0);
    let read = lines(&first.stdout);
    let kinds: Vec<&str> = read.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["tenant.created", "tenant.completed", "tenant.created"]);
    let of_one = ["--tenant", "globex", "--after", "0", "--limit", "2"];
    let read = lines(&service.run(tail.into_iter().chain(of_one)).ended(0).stdout);
    assert!(read.iter().all(|event| event["tenant"] == "globex"), "{read:?}");

    // A cursor goes on where the last reader of its name ended.
    let by_cursor = |limit| {
        let line = tail.into_iter().chain(["--cursor", "audit", "--limit", limit]);
        lines(&service.run(line).ended(0).stdout)
    };
    assert_eq!(by_cursor("3").len(), 3);
    let rest = by_cursor("1");
    assert_eq!(
        (&rest[0]["kind"], &rest[0]["tenant"]),
        (&"tenant.completed".into(), &"globex".into())
    );

    // Without a number, what comes.
    let running = service.start(tail.into_iter().chain(["--limit", "1"]));
    let ended = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| running.wait());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        let mut role = 0;
        while !waiting.is_finished() && std::time::Instant::now() < deadline {
            let role_now = format!("r{role}");
            service
                .run(["member", "add", "acme", "alice", "--role", &role_now])
                .ended(0);
            role += 1;
        }
        waiting.join().unwrap()
    });
    let read = lines(&ended.ended(0).stdout);
    assert!(read[0]["kind"].as_str().unwrap().starts_with("member."), "{read:?}");
    assert_eq!(read[0]["subject"], "alice");
}
on_both!(following, super::events_are_followed);

/// What others wrote starts no line and no escape sequence of its own.
#[test]
fn names_are_printed_as_text() {
    let service = Service::sqlite();
    let name = "Acme\u{1b}[2J\nnext: rm";
    service
        .run(["tenant", "create", "acme", "--strategy", "row", "--name", name])
        .ended(0);
    for line in ["tenant list", "tenant show acme", "events list"] {
        let shown = service.run(line.split(' ')).ended(0);
        assert!(
            !shown.stdout.contains('\u{1b}') && !shown.stdout.contains("\nnext"),
            "{shown:?}"
        );
    }
    assert_eq!(service.json(["tenant", "show", "acme"])["tenant"]["name"], name);
}

//! Two operators at once, and one who interrupts.

use std::io::Read as _;
use std::time::{Duration, Instant};

use crate::support::{Running, Service, on_both};

fn one_of_many_creates(service: &Service) {
    let create = |actor: &'static str| {
        let line = [
            "tenant",
            "create",
            "acme",
            "--strategy",
            "row",
            "--json",
            "--actor",
            actor,
        ];
        service.start(line)
    };
    let running: Vec<Running> = ["ops:a", "ops:b", "ops:c", "ops:d"].map(create).into();
    let ended: Vec<_> = running.into_iter().map(Running::wait).collect();
    let created = ended.iter().filter(|done| done.code == Some(0)).count();
    assert_eq!(created, 1, "{ended:#?}");
    for refused in ended.iter().filter(|done| done.code != Some(0)) {
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert_eq!(refused.document()["error"]["code"], "already_exists");
    }
    assert_eq!(service.kinds("acme"), ["tenant.created", "tenant.completed"]);
    // The same operator twice is one creation.
    let running: Vec<Running> = [0; 3]
        .map(|_| service.start(["tenant", "create", "globex", "--strategy", "row"]))
        .into();
    for running in running {
        running.wait().ended(0);
    }
    assert_eq!(service.kinds("globex"), ["tenant.created", "tenant.completed"]);
}
on_both!(creating, super::one_of_many_creates);

fn a_verb_is_done_once(service: &Service) {
    service.run(["tenant", "create", "acme", "--strategy", "row"]).ended(0);
    let running: Vec<Running> = [0; 4].map(|_| service.start(["tenant", "suspend", "acme"])).into();
    for running in running {
        running.wait().ended(0);
    }
    service.run(["tenant", "archive", "acme"]).ended(0);
    let delete = ["tenant", "delete", "acme", "--grace", "0s", "--confirm", "acme"];
    let running: Vec<Running> = [0; 3].map(|_| service.start(delete)).into();
    for running in running {
        running.wait().ended(0);
    }
    let kinds = service.kinds("acme");
    for once in [
        "tenant.suspended",
        "tenant.archived",
        "tenant.deletion_began",
        "tenant.deleted",
    ] {
        assert_eq!(
            kinds.iter().filter(|kind| *kind == once).count(),
            1,
            "{once}: {kinds:?}"
        );
    }
}
on_both!(leading, super::a_verb_is_done_once);

/// SIGINT ends what has no end, with the code that says so.
#[test]
fn what_is_interrupted_says_so() {
    let service = Service::sqlite();
    service.run(["tenant", "create", "acme", "--strategy", "row"]).ended(0);
    let mut tail = service.start(["events", "tail", "--after", "0", "--every", "10ms", "--json"]);
    let mut stdout = tail.stdout();
    let mut printed = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !printed.ends_with(b"\n") && Instant::now() < deadline {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        printed.extend(byte);
    }
    tail.interrupt();
    let done = tail.wait();
    assert_eq!(done.code, Some(130), "{done:?}");
    let first: serde_json::Value = serde_json::from_slice(&printed).unwrap();
    assert_eq!(first["kind"], "tenant.created");
}

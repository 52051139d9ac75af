//! Shared tables, canaries, and then the others; how many failures are borne.

use std::fs;

use serde_json::json;

use super::{ONCE, create, notes, release, run_next, write};
use crate::support::{Service, on_both};

const FAILS: &str = "insert into notes (id, body) select 'quotient', cast(1 / cast(body as integer) as text) from notes
    where id = 'divisor';";

fn a_canary_that_fails_stops_the_others(service: &Service) {
    let ids = create(service, "database", 5);
    write(service, &ids[2], "insert into notes (id, body) values ('divisor', '0')");
    release(service, 2, FAILS);
    let left_out = ["migrate", "run", &ids[0], "--canary", &ids[2], "--json"];
    let refused = service.run(left_out).ended(2).document();
    assert_eq!(refused["error"]["code"], "usage", "it would be no canary: {refused}");
    let canary = [
        "migrate",
        "run",
        "--yes",
        "--canary",
        "database-02,database-04",
        "--jobs",
        "1",
        "--json",
    ];
    let run = service.run(canary).ended(1).document();
    assert_eq!(
        (&run["ended"], &run["failed"]),
        (&json!("too_many_failures"), &json!(1)),
        "{run}"
    );
    assert_eq!((&run["done"], &run["behind"]), (&json!(0), &json!(5)));
    assert_eq!(run["pending"], 4, "neither the other canary nor the others: {run}");
    // What failed is not passed over.
    let resumed = service.run(["migrate", "resume", "--json"]).ended(1).document();
    assert_eq!(resumed["pending"], 4, "{resumed}");
    write(service, &ids[2], "update notes set body = '1' where id = 'divisor'");
    let done = run_next(service, &resumed).ended(0).document();
    assert_eq!((&done["done"], &done["behind"]), (&json!(5), &json!(0)));
}
on_both!(a_canary, super::a_canary_that_fails_stops_the_others);

fn canaries_are_watched(service: &Service) {
    let ids = create(service, "database", 4);
    release(service, 2, ONCE);
    let soaking = ["migrate", "run", "--yes", "--canary", "25%", "--soak", "1h"];
    let running = service.start(soaking.into_iter().chain(["--json"]));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    // Which one is left to the run.
    while !notes_of(service, &ids).contains(&1) && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    running.interrupt();
    let stopped = running.wait().ended(130).document();
    assert_eq!((&stopped["done"], &stopped["pending"]), (&json!(1), &json!(3)));
    assert_eq!(notes_of(service, &ids).iter().sum::<u64>(), 1);
    let again = service.run(["migrate", "run", "--yes", "--canary", "1%", "--soak", "1s", "--json"]);
    let again = again.ended(0).document();
    assert_eq!(again["done"], 3, "what the first one did is done: {again}");
    assert_eq!(notes_of(service, &ids), [1, 1, 1, 1]);
}
on_both!(watching, super::canaries_are_watched);

fn notes_of(service: &Service, ids: &[String]) -> Vec<u64> {
    ids.iter().map(|id| notes(service, id, "once")).collect()
}

fn no_more_fail_than_are_borne(service: &Service) {
    let ids = create(service, "database", 6);
    for id in &ids {
        write(service, id, "insert into notes (id, body) values ('divisor', '0')");
    }
    release(service, 2, FAILS);
    let run = [
        "migrate",
        "run",
        "--yes",
        "--jobs",
        "1",
        "--max-failures",
        "2",
        "--json",
    ];
    let run = service.run(run).ended(1).document();
    assert_eq!((&run["failed"], &run["pending"]), (&json!(2), &json!(4)), "{run}");
    assert_eq!(run["ended"], "too_many_failures");
    for id in &ids {
        write(service, id, "update notes set body = '1' where id = 'divisor'");
    }
    let retried = service.json(["migrate", "run", "--retry-failed", "--yes"]);
    assert_eq!(
        (&retried["done"], &retried["behind"]),
        (&json!(2), &json!(0)),
        "no others"
    );
    let plan = service.run(["migrate", "plan", "--json"]).ended(3).document();
    assert_eq!(plan["behind"], 4);
}
on_both!(a_budget, super::no_more_fail_than_are_borne);

/// The tables of `row` are migrated by the command, and not before it: neither by a plan nor by `check`.
fn shared_tables_come_first(service: &Service) {
    create(service, "row", 1);
    create(service, "database", 1);
    let table = if service.is_sqlite() { "notes_rows" } else { "notes" };
    let sql = format!("alter table {table} add column stamp text;");
    fs::write(service.folder().join("migrations/row/0002_stamp.sql"), sql).unwrap();
    release(service, 2, ONCE);
    for _ in 0..2 {
        let plan = service.run(["migrate", "plan", "--json"]).ended(3).document();
        let row = plan["strategies"]
            .as_array()
            .unwrap()
            .iter()
            .find(|found| found["strategy"] == "row");
        let standing = &row.unwrap()["shared_tables"];
        assert_eq!(standing, &json!({ "standing": "behind", "version": 1 }));
        assert_eq!(plan["behind"], 2);
        let codes = super::looked(service, 3);
        assert!(codes.contains(&"tables_behind".to_owned()), "{codes:?}");
    }
    let run = service.run(["migrate", "run", "--yes", "--json"]).ended(0).document();
    assert_eq!((&run["done"], &run["behind"]), (&json!(2), &json!(0)));
    service.run(["check"]).ended(0);
}
on_both!(shared_tables, super::shared_tables_come_first);

/// Only what is selected is migrated, and only of that it is said whether it is done.
fn a_selection(service: &Service) {
    let ids = create(service, "database", 4);
    create(service, "row", 1);
    service.run(["tenant", "suspend", &ids[1]]).ended(0);
    service.run(["tenant", "archive", &ids[2]]).ended(0);
    release(service, 2, ONCE);
    let run = |arguments: &[&str], exit| {
        let line = ["migrate", "run", "--json"].iter().chain(arguments).copied();
        service.run(line).ended(exit).document()
    };
    assert_eq!(run(&[&ids[0]], 0)["done"], 1);
    assert_eq!(run(&["--status", "suspended", "--yes"], 0)["done"], 1);
    assert_eq!(run(&["row-00"], 0)["done"], 0);
    let unconfirmed = run(&["--all"], 2);
    assert_eq!(unconfirmed["error"]["code"], "confirmation_required");
    assert_eq!(run(&["--all", "--yes"], 0)["done"], 1);
    let plan = service.json(["migrate", "plan"]);
    let database = plan["strategies"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["strategy"] == "database");
    assert_eq!(database.unwrap()["archived"], 1);
    let plan = service
        .run(["migrate", "plan", "--include-archived", "--json"])
        .ended(3)
        .document();
    assert_eq!(plan["next"], json!(["tenancy migrate run --include-archived"]));
    assert_eq!(run(&["--status", "archived", "--yes"], 0)["done"], 1);
    service.run(["migrate", "plan", "--include-archived"]).ended(0);
    assert_eq!(notes_of(service, &ids), [1, 1, 1, 1]);
}
on_both!(selecting, super::a_selection);

//! What is printed: whole documents, a terminal, and what a baseline asks.

use serde_json::{Value, json};

use super::{ONCE, create, notes, release, write};
use crate::support::{Service, on_both};

fn each_document_is_whole(service: &Service) {
    create(service, "database", 1);
    release(service, 2, ONCE);
    let of_strategies = |document: &Value, has_behind: u64| {
        let database = document["strategies"].as_array().unwrap();
        let database = database
            .iter()
            .find(|found| found["strategy"] == "database")
            .unwrap()
            .clone();
        assert_eq!(
            database,
            json!({
                "strategy": "database", "target": 2, "shared_tables": null, "up_to_date": 1 - has_behind, "behind": has_behind,
                "ahead": { "count": 0, "first": [] }, "changed": { "count": 0, "first": [] },
                "not_provisioned": { "count": 0, "first": [] }, "unreadable": { "count": 0, "first": [] }, "archived": 0,
            })
        );
    };
    let mut plan = service
        .run(["migrate", "plan", "database-00", "--json"])
        .ended(3)
        .document();
    of_strategies(&plan, 1);
    plan["strategies"].take();
    assert_eq!(
        plan,
        json!({
            "v": 1, "ok": false, "next": ["tenancy migrate run database-00"], "behind": 1, "strategies": null,
            "unknown_strategies": {},
            "tenants": [{ "id": "database-00", "strategy": "database", "version": 1, "target": 2 }],
            "findings": [{
                "code": "tenants_behind", "message": "1 tenant of `database` is behind the version 2", "unsafe": false,
                "mend": null,
            }],
        })
    );
    let mut run = service.json([
        "migrate",
        "run",
        "database-00",
        "--actor",
        "ops:carol",
        "--reason",
        "release 2",
    ]);
    of_strategies(&run, 0);
    run["strategies"].take();
    assert_eq!(
        run,
        json!({
            "v": 1, "ok": true, "next": [], "run": 1, "ended": "finished", "done": 1, "failed": 0, "pending": 0, "skipped": 0,
            "behind": 0, "failures": [], "strategies": null, "unknown_strategies": {},
        })
    );
    let mut status = service.json(["migrate", "status"]);
    for time in ["started", "finished"] {
        assert!(status["run"][time].take().is_string(), "{status}");
    }
    assert_eq!(
        status,
        json!({
            "v": 1, "ok": true, "next": [], "failures": [],
            "run": {
                "id": 1, "state": "done", "alive": false, "actor": "ops:carol", "reason": "release 2", "started": null,
                "finished": null, "done": 1, "failed": 0, "running": 0, "pending": 0, "skipped": 0,
            },
        })
    );
    let listed = service.json(["runs", "list"]);
    assert_eq!(listed["runs"][0]["actor"], "ops:carol");
}
on_both!(documents, super::each_document_is_whole);

fn on_a_terminal(service: &Service) {
    let ids = create(service, "database", 3);
    release(service, 2, ONCE);
    let refused = service.type_in(["migrate", "run"], "n\n").ended(1);
    assert!(refused.stdout.contains("migrate 3 tenants? [y/N]"), "{refused:?}");
    assert_eq!(notes(service, &ids[0], "once"), 0);
    let done = service.draw(["migrate", "run"], "y\n").ended(0);
    assert!(done.stdout.contains("run 1: 3 done, 0 failed, 0 not begun"), "{done:?}");
    assert!(done.stdout.contains("] 0/3"), "a bar is drawn: {done:?}");
    let machine = service.draw(["migrate", "run", "--yes", "--json"], "").ended(0);
    machine.document();
    // There is nothing to ask.
    let done = service.type_in(["migrate", "run"], "").ended(0);
    assert!(!done.stdout.contains("[y/N]"), "{done:?}");
    let piped = service.run(["migrate", "run", "--yes"]).ended(0);
    assert!(
        piped.stdout.starts_with("run 4: 0 done"),
        "stdout is for data: {piped:?}"
    );
}
on_both!(terminal, super::on_a_terminal);

/// Tables that are there already are written into the ledger, and nothing is run.
fn a_baseline(service: &Service) {
    let ids = create(service, "database", 2);
    for id in &ids {
        write(service, id, "insert into notes (id, body) values ('once', 'by hand')");
    }
    release(service, 2, ONCE);
    release(service, 3, "create table drafts (id text primary key);");
    service.run(["migrate", "run", "--yes"]).ended(1);
    let unconfirmed = service
        .run(["migrate", "run", &ids[0], &ids[1], "--fake", "2", "--json"])
        .ended(2)
        .document();
    assert_eq!(unconfirmed["error"]["code"], "confirmation_required");
    let looked = service.json(["migrate", "run", "--strategy", "database", "--fake", "2", "--dry-run"]);
    assert_eq!((&looked["dry_run"], &looked["behind"]), (&json!(true), &json!(2)));
    let faked = service.run([
        "migrate",
        "run",
        "--strategy",
        "database",
        "--fake",
        "2",
        "--yes",
        "--json",
    ]);
    let faked = faked.ended(4).document();
    assert_eq!(
        (&faked["done"], &faked["behind"]),
        (&json!(2), &json!(2)),
        "the third is not run: {faked}"
    );
    assert_eq!(faked["next"], json!(["tenancy migrate run --strategy database"]));
    service.run(["migrate", "run", "--yes"]).ended(0);
    for id in &ids {
        assert_eq!(notes(service, id, "once"), 1);
        let select = "select count(*) as number from drafts";
        assert_eq!(service.json(["sql", id, "--command", select])["rows"][0]["number"], 0);
    }
    service.run(["migrate", "plan", "--verify-ledgers"]).ended(0);
}
on_both!(baseline, super::a_baseline);

fn without_migrations(service: &Service) {
    create(service, "database", 1);
    let file = service.folder().join("tenancy.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let without = text.lines().filter(|line| !line.starts_with("migrations = "));
    std::fs::write(&file, without.collect::<Vec<_>>().join("\n")).unwrap();
    for line in ["migrate plan", "migrate run --yes", "migrate run --dry-run"] {
        let failed = service.run(line.split(' ').chain(["--json"])).ended(1).document();
        assert_eq!(failed["error"]["code"], "no_migrations", "{line}: {failed}");
    }
}
on_both!(no_migrations, super::without_migrations);

#[test]
fn without_the_administrator_nothing_is_looked_at() {
    let service = Service::postgres().without("ADMIN_URL");
    for line in [
        "migrate plan",
        "migrate run --yes",
        "migrate resume",
        "migrate status",
        "migrate drift",
        "runs list",
    ] {
        let failed = service.run(line.split(' ').chain(["--json"])).ended(1).document();
        assert_eq!(failed["error"]["code"], "needs_administrator", "{line}: {failed}");
    }
}

#[test]
fn a_migration_of_several_statements_needs_a_transaction() {
    let service = Service::postgres();
    release(
        &service,
        2,
        "-- no-transaction\ncreate index concurrently a on notes (id); create index concurrently b on notes (id);",
    );
    for line in ["migrate plan", "migrate run --yes"] {
        let failed = service.run(line.split(' ').chain(["--json"])).ended(1).document();
        assert_eq!(failed["error"]["code"], "several_statements", "{line}: {failed}");
    }
}

//! Twenty tenants of each strategy, of which one fails and one is locked.

use serde_json::json;

use super::{ONCE, administrator, create, each, execute, looked, notes, release, run_next, write};
use crate::support::{Service, on_both};

/// Divides by what a tenant has stored; SQLite has nothing of that, where a note must have a body.
const DIVIDES: &str = "insert into notes (id, body)
    select 'quotient', cast(1 / cast(body as integer) as text) from notes where id = 'divisor';";

fn some_fail_and_are_retried(service: &Service) {
    let mut failing = Vec::new();
    for strategy in each(service) {
        let ids = create(service, strategy, 20);
        write(service, &ids[7], "insert into notes (id, body) values ('divisor', '0')");
        failing.push(ids[7].clone());
    }
    service.run(["migrate", "plan"]).ended(0);
    release(service, 2, ONCE);
    release(service, 3, DIVIDES);
    release(service, 4, "create table drafts (id text primary key);");
    let all = 20 * each(service).len();

    let plan = service.run(["migrate", "plan", "--json"]).ended(3).document();
    assert_eq!(plan["behind"], all);
    assert_eq!(plan["next"], json!(["tenancy migrate run"]));
    let first = &plan["tenants"][0];
    assert_eq!((&first["version"], &first["target"]), (&json!(1), &json!(4)));
    let text = service.run(["migrate", "plan"]).ended(3);
    assert!(text.stdout.contains("database-00 (database): 1 -> 4"), "{text:?}");
    assert_eq!(looked(service, 3).first().map(String::as_str), Some("tenants_behind"));

    let run = service.run(["migrate", "run", "--yes", "--json"]).ended(4).document();
    assert_eq!(run["done"], all - failing.len(), "{run}");
    assert_eq!(run["behind"], failing.len());
    assert_eq!((&run["pending"], &run["ended"]), (&json!(0), &json!("finished")));
    let failures = run["failures"].as_array().unwrap();
    assert_eq!(failures.len(), failing.len());
    for failure in failures {
        assert!(failing.iter().any(|id| failure["id"] == **id), "{failure}");
        assert_eq!(failure["version"], 3);
        let sqlstate = if service.is_sqlite() { "1299" } else { "22012" };
        assert_eq!(failure["sqlstate"], sqlstate);
    }
    let resume = format!("tenancy migrate resume {} --retry-failed", run["run"]);
    assert_eq!(run["next"], json!([resume]));
    let status = service.run(["migrate", "status", "--json"]).ended(3).document();
    assert_eq!(
        (&status["run"]["state"], &status["next"]),
        (&json!("failed"), &json!([resume]))
    );
    assert_eq!(status["failures"], run["failures"]);
    let checked = looked(service, 3);
    assert!(checked.contains(&"run_unfinished".to_owned()) && checked.contains(&"tenants_behind".to_owned()));

    // As it is, they fail again.
    let again = run_next(service, &run).ended(4).document();
    assert_eq!(again["failed"], failing.len());
    for id in &failing {
        write(service, id, "update notes set body = '1' where id = 'divisor'");
    }
    let retry = ["migrate", "run", "--retry-failed", "--json"];
    let unconfirmed = service.run(retry).ended(2).document();
    assert_eq!(unconfirmed["error"]["code"], "confirmation_required");
    let failed = service
        .run(retry.into_iter().chain(["--yes", "--dry-run"]))
        .ended(0)
        .document();
    assert_eq!(failed["behind"], failing.len(), "{failed}");
    let retried = run_next(service, &again).ended(0).document();
    assert_eq!((&retried["done"], &retried["behind"]), (&json!(all), &json!(0)));
    assert_eq!(retried["next"], json!([]));
    service.run(["migrate", "plan", "--verify-ledgers"]).ended(0);
    service.run(["migrate", "status"]).ended(0);
    service.run(["check"]).ended(0);
    for strategy in each(service) {
        for id in [
            format!("{strategy}-00"),
            format!("{strategy}-07"),
            format!("{strategy}-19"),
        ] {
            assert_eq!(notes(service, &id, "once"), 1, "{id}");
        }
    }
}
on_both!(one_fails, super::some_fail_and_are_retried);

#[test]
fn one_is_locked() {
    let service = Service::postgres();
    create(&service, "schema", 20);
    release(&service, 2, "alter table notes add column stamp text;");
    let mut reader = administrator(&service);
    execute(
        &service,
        &mut reader,
        "begin; lock table \"tenant_schema-13\".notes in access share mode",
    );
    let locked = ["migrate", "run", "--yes", "--lock-timeout", "20ms"];
    let run = service.run(locked.into_iter().chain(["--json"])).ended(4).document();
    assert_eq!((&run["done"], &run["failed"]), (&json!(19), &json!(1)), "{run}");
    let failure = &run["failures"][0];
    assert_eq!(
        (&failure["id"], &failure["version"], &failure["sqlstate"]),
        (&json!("schema-13"), &json!(2), &json!("55P03"))
    );
    execute(&service, &mut reader, "rollback");
    let retried = run_next(&service, &run).ended(0).document();
    assert_eq!((&retried["done"], &retried["failed"]), (&json!(20), &json!(0)));
    service.run(["migrate", "plan"]).ended(0);
}

/// What a tenant has stored is in no answer, in no ledger and in no line.
fn no_data_of_a_tenant_is_told(service: &Service) {
    let ids = create(service, "database", 2);
    write(
        service,
        &ids[0],
        "insert into notes (id, body) values ('hunter2', 'swordfish')",
    );
    let sql = if service.is_sqlite() {
        "create table copies (id text primary key check (id <> 'hunter2')); insert into copies select id from notes;"
    } else {
        "create table copies (id integer); insert into copies select cast(body as integer) from notes;"
    };
    release(service, 2, sql);
    let text = service.run(["migrate", "run", "--yes"]).ended(4);
    let run = service.run(["migrate", "status", "--json"]).ended(3);
    let shown = service.run(["runs", "show", "1"]).ended(0);
    assert!(
        shown
            .stdout
            .contains("failed: the tenant `database-00` of `database` at the migration 2: "),
        "{shown:?}"
    );
    for done in [&text, &run, &shown] {
        for secret in ["swordfish", "hunter2"] {
            assert!(
                !done.stdout.contains(secret) && !done.stderr.contains(secret),
                "{done:?}"
            );
        }
    }
}
on_both!(no_data, super::no_data_of_a_tenant_is_told);

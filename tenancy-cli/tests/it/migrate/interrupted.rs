//! SIGINT and `kill -9` in the middle of a run, and what is printed goes on with it.

use serde_json::json;
use sqlx::Connection as _;

use super::{create, hold, looked, notes, release, run_next, until_waiting, waits};
use crate::support::Service;

const RUN: [&str; 7] = ["migrate", "run", "--yes", "--jobs", "2", "--lock-timeout", "60s"];

#[test]
fn what_runs_finishes_and_the_printed_command_goes_on() {
    let service = Service::postgres();
    let ids = create(&service, "schema", 8);
    release(&service, 2, &waits());
    let mut held = hold(&service);
    let running = service.start(RUN.into_iter().chain(["--json"]));
    until_waiting(&service, &mut held, 2);
    running.interrupt();
    // It waits for what runs.
    let checked = looked(&service, 3);
    assert!(checked.contains(&"run_unfinished".to_owned()), "{checked:?}");
    service.runtime.block_on(held.close()).unwrap();
    let ended = running.wait().ended(130);
    let document = ended.document();
    let done = document["done"].as_u64().unwrap();
    assert!((2..8).contains(&done), "{document}");
    assert_eq!(document["pending"], 8 - done);
    assert_eq!(document["failed"], 0);
    assert_eq!(
        document["next"],
        json!([format!("tenancy migrate resume {}", document["run"])])
    );
    let status = service.run(["migrate", "status", "--json"]).ended(3).document();
    assert_eq!(
        (&status["run"]["state"], &status["next"]),
        (&json!("stopped"), &document["next"])
    );

    let resumed = run_next(&service, &document).ended(0).document();
    assert_eq!((&resumed["run"], &resumed["done"]), (&document["run"], &json!(8)));
    assert!(ids.iter().all(|id| notes(&service, id, "once") == 1));
}

#[test]
fn the_command_is_printed_as_text_with_its_file() {
    let service = Service::postgres();
    create(&service, "schema", 4);
    release(&service, 2, &waits());
    let file = service.folder().join("tenancy.toml").display().to_string();
    let mut held = hold(&service);
    let running = service.start(RUN.into_iter().chain(["--file", &file]));
    until_waiting(&service, &mut held, 2);
    running.interrupt();
    service.runtime.block_on(held.close()).unwrap();
    let ended = running.wait().ended(130);
    let command = format!("tenancy --file {file} migrate resume 1");
    let last = ended.stderr.lines().last();
    assert_eq!(last, Some(&*format!("next: {command}")), "{ended:?}");
    let begun = format!("run 1: wherever it ends, `{command}` goes on");
    assert!(ended.stderr.contains(&begun), "{ended:?}");
    service.run(command.split(' ').skip(1)).ended(0);
    service.run(["migrate", "plan"]).ended(0);
}

#[test]
fn killed_it_is_resumed() {
    let service = Service::postgres();
    let ids = create(&service, "schema", 8);
    release(&service, 2, &waits());
    let mut held = hold(&service);
    let mut running = service.start(RUN.into_iter().chain(["--lease", "2s"]));
    until_waiting(&service, &mut held, 2);
    running.kill();
    assert_eq!(running.wait().code, None);
    service.runtime.block_on(held.close()).unwrap();
    let resumed = service.json(["migrate", "resume"]);
    assert_eq!(
        (&resumed["run"], &resumed["done"], &resumed["behind"]),
        (&json!(1), &json!(8), &json!(0))
    );
    assert!(ids.iter().all(|id| notes(&service, id, "once") == 1));
    service.run(["migrate", "status"]).ended(0);
}

//! SIGINT and `kill -9` in the middle of a run, and what is printed goes on with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::{ONCE, create, hold, looked, notes, release, run_next, until_waiting, waits};
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

/// The same on files, which another process has locked.
#[test]
fn on_sqlite_the_printed_command_goes_on() {
    let service = Service::sqlite();
    let ids = create(&service, "database", 6);
    release(&service, 2, ONCE);
    let held: Vec<SqliteConnection> = ids.iter().map(|id| hold_file(&service, id)).collect();
    let running = service.start(RUN.into_iter().chain(["--json"]));
    // Two for each job.
    until_taken(&service, 4);
    running.interrupt();
    // It gives back what it has not begun, and waits for what runs.
    until_taken(&service, 2);
    for held in held {
        service.runtime.block_on(held.close()).unwrap();
    }
    let document = running.wait().ended(130).document();
    let done = document["done"].as_u64().unwrap();
    assert_eq!(done, 2, "{document}");
    assert_eq!(
        (&document["pending"], &document["failed"]),
        (&json!(6 - done), &json!(0))
    );
    let command = json!([format!("tenancy migrate resume {}", document["run"])]);
    assert_eq!(document["next"], command);
    let resumed = run_next(&service, &document).ended(0).document();
    assert_eq!((&resumed["run"], &resumed["done"]), (&document["run"], &json!(6)));
    assert!(ids.iter().all(|id| notes(&service, id, "once") == 1));
}

/// Waits until so many tenants are taken by processes that run.
fn until_taken(service: &Service, number: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let status = service.run(["migrate", "status", "--json"]).document();
        if status["run"]["running"].as_u64() == Some(number) {
            return;
        }
        assert!(Instant::now() < deadline, "{status}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Another process writes to the tenant's file, until the connection is closed.
fn hold_file(service: &Service, id: &str) -> SqliteConnection {
    let file = find(service.folder(), &format!("{id}.sqlite")).unwrap();
    service.runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(file);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql("begin immediate").execute(&mut connection).await.unwrap();
        connection
    })
}

fn find(folder: &Path, ending: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.into_iter().find_map(|path| {
        if path.is_dir() {
            find(&path, ending)
        } else {
            path.to_str().unwrap().ends_with(ending).then_some(path)
        }
    })
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

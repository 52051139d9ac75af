//! Two processes migrate at once.

use serde_json::json;
use sqlx::Connection as _;

use super::{create, hold, notes, release, until_waiting, waits};
use crate::support::Service;

#[test]
fn the_second_is_told_and_may_share_the_work() {
    let service = Service::postgres();
    let ids = create(&service, "schema", 12);
    release(&service, 2, &waits());
    let mut held = hold(&service);
    let run = [
        "migrate",
        "run",
        "--yes",
        "--jobs",
        "2",
        "--lock-timeout",
        "60s",
        "--json",
    ];
    let first = service.start(run);
    until_waiting(&service, &mut held, 2);
    let refused = service.run(run).ended(1).document();
    assert_eq!(refused["error"]["code"], "under_way");
    assert_eq!(
        refused["next"],
        json!(["tenancy migrate status 1", "tenancy migrate resume 1"])
    );
    let status = service.run(["migrate", "status", "1", "--json"]).ended(3).document();
    assert_eq!(
        (&status["run"]["state"], &status["run"]["alive"]),
        (&json!("running"), &json!(true))
    );

    let sharing = [
        service.start(["migrate", "resume", "1", "--json"]),
        service.start(run.into_iter().chain(["--join"])),
    ];
    until_waiting(&service, &mut held, 6);
    service.runtime.block_on(held.close()).unwrap();
    for one in sharing.into_iter().chain([first]) {
        let done = one.wait().ended(0).document();
        assert_eq!(
            (&done["run"], &done["done"], &done["behind"]),
            (&json!(1), &json!(12), &json!(0))
        );
    }
    assert!(ids.iter().all(|id| notes(&service, id, "once") == 1));
    let runs = service.json(["runs", "list"]);
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(1));
}

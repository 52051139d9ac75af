//! `fence on`, and a file that does not say what the databases are.

use serde_json::{Value, json};

use super::{codes, create, looked};
use crate::support::{Service, on_both};

fn step_by_step(service: &Service) {
    create(service);
    for strategy in service.strategies {
        service.run(["tenant", "suspend", &format!("acme-{strategy}")]).ended(0);
    }
    service.run(["fence", "status"]).ended(0);
    service.run(["check"]).ended(0);
    let looked_at = service.json(["fence", "on", "--dry-run"]);
    assert_eq!(looked_at["dry_run"], true);
    assert_eq!(looked_at["strategies"], json!(service.strategies));
    let refused = service.run(["fence", "on", "--json"]).ended(2).document();
    assert_eq!(refused["error"]["code"], "confirmation_required");
    let status = service.json(["fence", "status"]);
    assert!(
        status["strategies"]
            .as_array()
            .unwrap()
            .iter()
            .all(|strategy| strategy["database"] != true)
    );

    let turned_on = service.json(["fence", "on", "--yes", "--actor", "ops:carol", "--reason", "unpaid"]);
    assert_eq!(turned_on["changed"], true);
    let next = turned_on["next"].to_string();
    assert!(
        next.contains("fence = true") && next.contains("start every process"),
        "{next}"
    );
    assert_eq!(service.json(["fence", "on", "--yes"])["changed"], false);
    let listed = service.json(["events", "list", "--limit", "1000"]);
    let events: Vec<&Value> = listed["events"].as_array().unwrap().iter().collect();
    let fenced: Vec<_> = events.iter().filter(|event| event["kind"] == "fence.enabled").collect();
    assert_eq!(fenced.len(), service.strategies.len(), "once each: {fenced:?}");
    assert!(
        fenced
            .iter()
            .all(|event| event["actor"] == "ops:carol" && event["reason"] == "unpaid")
    );

    // The databases are, and the file is not.
    let status = service.run(["fence", "status", "--json"]).ended(3).document();
    assert_eq!(codes(&status["findings"]), ["fence_mismatch"]);
    assert!(status["next"].to_string().contains("fence = true"), "{status}");
    let checked = service.run(["check", "--json"]).ended(3).document();
    assert_eq!(looked(&checked, "fence"), ["fence_mismatch"]);
    let created = service
        .run(["tenant", "create", "globex", "--strategy", "row", "--json"])
        .ended(1)
        .document();
    assert_eq!(created["error"]["code"], "fence_mismatch");
    let message = created["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("`strategies.row`") && message.contains("set `strategies.row.fence = true`"),
        "{message}"
    );
    // A verb binds even so.
    service.run(["tenant", "activate", "acme-row"]).ended(0);
    service.run(["tenant", "suspend", "acme-row"]).ended(0);

    service.fence_in_file(service.strategies);
    service.run(["check"]).ended(0);
    let status = service.json(["fence", "status"]);
    assert_eq!(status["pending"], json!([]));
    assert_eq!(
        status["strategies"][0],
        json!({
            "strategy": "row", "file": true, "database": true, "tenants_fenced": null, "tenants_unfenced": null,
        })
    );
    let last = status["strategies"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["strategy"], &last["tenants_fenced"], &last["tenants_unfenced"]),
        (&json!("database"), &json!(1), &json!(0))
    );
    service
        .run(["tenant", "create", "globex", "--strategy", "row"])
        .ended(0);
    for strategy in service.strategies {
        let id = &*format!("acme-{strategy}");
        service.run(["tenant", "activate", id]).ended(0);
        service
            .run(["sql", id, "--command", "select count(*) from notes"])
            .ended(0);
    }
    service.run(["check"]).ended(0);
}
on_both!(it_is_turned_on, super::step_by_step);

fn the_file_comes_first(service: &Service) {
    create(service);
    service.fence_in_file(service.strategies);
    let status = service.run(["fence", "status", "--json"]).ended(3).document();
    assert_eq!(codes(&status["findings"]), ["fence_mismatch"]);
    for strategy in service.strategies {
        let on = format!("fence on --strategy {strategy}");
        assert!(status["next"].to_string().contains(&on), "{status}");
    }
    let refused = service
        .run(["sql", "acme-row", "--command", "select 1", "--json"])
        .ended(1)
        .document();
    assert_eq!(refused["error"]["code"], "fence_mismatch");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("run `tenancy fence on --strategy row`, or remove `strategies.row.fence`"),
        "{message}"
    );
    // The directory is changed, and the place is not: it is not said to be in force.
    let pending = service
        .run(["tenant", "suspend", "acme-row", "--json"])
        .ended(4)
        .document();
    assert_eq!(pending["error"]["code"], "pending");
    assert!(pending["next"].to_string().contains("fence finish"), "{pending}");
    assert_eq!(service.status("acme-row"), "suspended");
    let unknown = service
        .run(["fence", "on", "--strategy", "nowhere", "--json"])
        .ended(2)
        .document();
    assert_eq!(unknown["error"]["code"], "usage");

    let turned_on = service.json(["fence", "on", "--strategy", "row", "--yes"]);
    let with_it = if service.is_sqlite() {
        json!(["row"])
    } else {
        json!(["row", "schema"])
    };
    assert_eq!(turned_on["strategies"], with_it, "those in the same database");
    service.run(["fence", "on", "--yes"]).ended(0);
    service.run(["check"]).ended(0);
}
on_both!(where_the_file_is_first, super::the_file_comes_first);

#[test]
fn without_the_administrator_nothing_is_fenced() {
    let service = Service::postgres();
    create(&service);
    let service = service.without("ADMIN_URL");
    let refused = service.run(["fence", "on", "--yes", "--json"]).ended(1).document();
    assert_eq!(refused["error"]["code"], "needs_administrator");
    let refused = service.run(["fence", "finish", "--json"]).ended(1).document();
    assert_eq!(refused["error"]["code"], "needs_administrator");
    service.run(["fence", "status"]).ended(0);
}

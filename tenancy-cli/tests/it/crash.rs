//! `kill -9` in the middle of a command: the same command finishes.

use std::thread;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};

use crate::support::{Service, on_both};

/// At points that nobody chose: more and more into the command.
const ROUNDS: u64 = 12;

/// Kills a command after a while, which grows, and gives it again until it is done.
fn finishes(service: &Service, line: &[&str], status: &str, id: &str) {
    for round in 0..ROUNDS {
        let mut running = service.start(line.iter().copied());
        thread::sleep(Duration::from_millis(round * 12));
        if !running.is_running() {
            break;
        }
        running.kill();
        running.wait();
    }
    let done = service.run(line.iter().copied());
    assert_eq!(done.code, Some(0), "{line:?}: {done:#?}");
    assert_eq!(service.status(id), status, "{line:?}");
}

fn each_command_is_finished(service: &Service) {
    for strategy in service.strategies {
        let id = &*format!("acme-{strategy}");
        finishes(service, &["tenant", "create", id, "--strategy", strategy], "active", id);
        let insert = "insert into notes (id, body) values ('1', 'a')";
        service.run(["sql", id, "--write", "--command", insert]).ended(0);
        finishes(service, &["tenant", "suspend", id], "suspended", id);
        finishes(service, &["tenant", "archive", id], "archived", id);
        finishes(service, &["tenant", "restore", id], "suspended", id);
        service.run(["tenant", "archive", id]).ended(0);
        let delete = ["tenant", "delete", id, "--grace", "0s", "--confirm", id];
        finishes(service, &delete, "removed", id);
        let kinds = service.kinds(id);
        for once in [
            "tenant.created",
            "tenant.completed",
            "tenant.suspended",
            "tenant.restored",
            "tenant.deleted",
        ] {
            assert_eq!(
                kinds.iter().filter(|kind| *kind == once).count(),
                1,
                "{once}: {kinds:?}"
            );
        }
    }
}
on_both!(anywhere, super::each_command_is_finished);

const LOCK: i64 = 4711;

/// In the middle of the tenant's migrations, and of the removal of its data.
#[test]
fn at_chosen_statements() {
    let service = Service::postgres();
    let database = service.database.as_ref().unwrap();
    std::fs::write(
        service.folder().join("migrations/tenant/0002_waits.sql"),
        format!("select pg_advisory_xact_lock_shared({LOCK});"),
    )
    .unwrap();
    for strategy in ["schema", "database"] {
        let id = &*format!("acme-{strategy}");
        let create = ["tenant", "create", id, "--strategy", strategy, "--json"];
        // An advisory lock is one of its database, so the tenant's own database is waited for by the time alone.
        let held = service.runtime.block_on(async {
            use sqlx::ConnectOptions as _;
            let mut connection: PgConnection = database.administrator().connect().await.unwrap();
            sqlx::query("select pg_advisory_lock($1)")
                .bind(LOCK)
                .execute(&mut connection)
                .await
                .unwrap();
            connection
        });
        let mut running = service.start(create);
        let deadline = Instant::now() + Duration::from_secs(30);
        while service.status(id) == "removed" && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        running.kill();
        running.wait();
        let half_made = service.run(["tenant", "list", "--json"]).ended(0).document();
        assert_eq!(half_made["tenants"][0]["id"], id);
        service.runtime.block_on(held.close()).unwrap();
        let checked = service.run(["check", "--json"]);
        if service.status(id) == "provisioning" {
            let checked = checked.ended(3).document();
            let advice = checked["next"].to_string();
            assert!(advice.contains(&format!("tenant create {id} --resume")), "{advice}");
            // Somebody else does not take it for their own.
            let refused = service
                .run(create.into_iter().chain(["--actor", "ops:other"]))
                .ended(1)
                .document();
            assert_eq!(refused["error"]["code"], "already_exists");
            assert!(refused["next"].to_string().contains("--resume"), "{refused}");
        }
        service.run(create).ended(0);
        assert_eq!(service.status(id), "active");
        let select = service.json(["sql", id, "--command", "select count(*) from notes"]);
        assert_eq!(select["rows"][0]["count"], 0);
        service.run(["tenant", "archive", id]).ended(0);
        service
            .run(["tenant", "delete", id, "--grace", "0s", "--confirm", id])
            .ended(0);
    }
}

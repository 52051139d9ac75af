//! Between the two steps of a verb: a place that is locked, and `kill -9`.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use super::{codes, fence, looked};
use crate::support::{Service, on_both};

/// Somebody who holds the place of `acme-row`, as one who writes at a strict isolation level does.
enum Holder {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Holder {
    fn new(service: &Service) -> Self {
        service.runtime.block_on(async {
            match &service.database {
                Some(database) => {
                    let mut connection = database.administrator().connect().await.unwrap();
                    let sql = "begin; insert into tenancy_fence.tenancy_places (tenant, epoch, revision, state)
                        values ('acme-row', 0, 0, 'open') on conflict (tenant) do update set state = excluded.state";
                    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                    Self::Postgres(connection)
                }
                None => {
                    let file = service.folder().join("data/shared.sqlite");
                    let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
                    sqlx::raw_sql("begin immediate").execute(&mut connection).await.unwrap();
                    Self::Sqlite(connection)
                }
            }
        })
    }

    fn let_go(self, service: &Service) {
        service.runtime.block_on(async {
            match self {
                Self::Postgres(connection) => connection.close().await.unwrap(),
                Self::Sqlite(connection) => connection.close().await.unwrap(),
            }
        });
    }
}

fn serves(service: &Service) -> bool {
    let done = service.run(["sql", "acme-row", "--command", "select 1"]);
    done.code == Some(0)
}

fn the_same_command_finishes(service: &Service) {
    fence(service);
    let holder = Holder::new(service);
    let pending = service
        .run(["tenant", "suspend", "acme-row", "--json"])
        .ended(4)
        .document();
    assert_eq!(pending["error"]["code"], "pending");
    assert!(pending["next"].to_string().contains("fence finish"), "{pending}");
    let of_two = ["tenant", "suspend", "acme-row", "acme-database", "--json"];
    let of_two = service.run(of_two).ended(4).document();
    assert_eq!(of_two["tenants"][0]["error"]["code"], "pending");
    assert_eq!(of_two["tenants"][1]["changed"], true);
    let finish = service.run(["fence", "finish", "--json"]).ended(4).document();
    assert_eq!(finish["tenants"][0]["error"]["code"], "pending");
    let status = service.run(["fence", "status", "--json"]).ended(3).document();
    assert_eq!(status["pending"], json!(["acme-row"]));
    holder.let_go(service);
    let checked = service.run(["check", "--json"]).ended(3).document();
    assert_eq!(looked(&checked, "fence"), ["place_pending"]);
    service.run(["tenant", "suspend", "acme-row"]).ended(0);
    service.run(["check"]).ended(0);
    let kinds = service.kinds("acme-row");
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "tenant.suspended").count(),
        1,
        "{kinds:?}"
    );
}
on_both!(a_place_that_is_locked, super::the_same_command_finishes);

/// Kills a verb that waits for the place, when the directory has changed.
fn kill_between(service: &Service, verb: &str, status: &str) {
    let holder = Holder::new(service);
    let mut running = service.start(["tenant", verb, "acme-row"]);
    let deadline = Instant::now() + Duration::from_secs(30);
    while service.status("acme-row") != status && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    running.kill();
    running.wait();
    assert_eq!(service.status("acme-row"), status);
    holder.let_go(service);
}

fn killed(service: &Service) {
    fence(service);
    kill_between(service, "suspend", "suspended");
    let status = service.run(["fence", "status", "--json"]).ended(3).document();
    assert_eq!(codes(&status["findings"]), ["place_pending"]);
    let looked_at = service.json(["fence", "finish", "--dry-run"]);
    assert_eq!(looked_at["tenants"], json!(["acme-row"]));
    let finished = service.json(["fence", "finish"]);
    assert_eq!(finished["finished"], 1);
    assert_eq!(service.json(["fence", "finish"])["finished"], 0);
    service.run(["check"]).ended(0);
    kill_between(service, "activate", "active");
    assert!(!serves(service), "the place is closed");
    service.run(["tenant", "activate", "acme-row"]).ended(0);
    assert!(serves(service));
    service.run(["check"]).ended(0);
}
on_both!(a_verb_that_is_killed, super::killed);

fn to_the_end(service: &Service) {
    fence(service);
    for strategy in service.strategies {
        let id = &*format!("acme-{strategy}");
        service.run(["tenant", "archive", id]).ended(0);
        service.run(["tenant", "restore", id]).ended(0);
        service.run(["tenant", "archive", id]).ended(0);
        service.run(["check"]).ended(0);
        service
            .run(["tenant", "delete", id, "--grace", "0s", "--confirm", id])
            .ended(0);
        service.run(["check"]).ended(0);
    }
}
on_both!(a_life_behind_the_fence, super::to_the_end);

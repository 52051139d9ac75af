//! Migrations of all tenants, by the real binary.

mod answers;
mod embedded;
mod findings;
mod interrupted;
mod of_twenty;
mod order;
mod two_at_once;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection};

use crate::support::{Done, Running, Service};

/// The strategies of which each tenant is migrated by itself.
fn each(service: &Service) -> &'static [&'static str] {
    if service.is_sqlite() {
        &["database"]
    } else {
        &["schema", "database"]
    }
}

/// Creates tenants `STRATEGY-00`, `STRATEGY-01` and so on, and returns their ids.
fn create(service: &Service, strategy: &str, number: usize) -> Vec<String> {
    let ids: Vec<String> = (0..number).map(|index| format!("{strategy}-{index:02}")).collect();
    for ids in ids.chunks(4) {
        let begun = ids
            .iter()
            .map(|id| service.start(["tenant", "create", id, "--strategy", strategy]));
        let begun: Vec<Running> = begun.collect();
        for one in begun {
            one.wait().ended(0);
        }
    }
    ids
}

/// Adds a migration of each tenant of `schema` and `database`, as a new release does.
fn release(service: &Service, version: u8, sql: &str) {
    let folder = service.folder().join("migrations/tenant");
    fs::write(folder.join(format!("{version:04}_release.sql")), sql).unwrap();
}

/// Takes it back.
fn take_back(service: &Service, version: u8) {
    let folder = service.folder().join("migrations/tenant");
    fs::remove_file(folder.join(format!("{version:04}_release.sql"))).unwrap();
}

/// A migration that fails if it runs twice, and leaves a note.
const ONCE: &str = "insert into notes (id, body) values ('once', 'x');";

fn write(service: &Service, id: &str, sql: &str) {
    service.run(["sql", id, "--write", "--command", sql]).ended(0);
}

/// How many notes of that id a tenant has.
fn notes(service: &Service, tenant: &str, id: &str) -> u64 {
    let sql = format!("select count(*) as number from notes where id = '{id}'");
    let rows = service.json(["sql", tenant, "--command", &sql]);
    rows["rows"][0]["number"].as_u64().unwrap()
}

/// Runs the command that `next` has first, as it is printed.
fn run_next(service: &Service, document: &Value) -> Done {
    let next = document["next"][0].as_str().unwrap();
    let arguments = next.strip_prefix("tenancy ").unwrap();
    service.run(arguments.split(' ').chain(["--json"]))
}

/// The codes of the findings of one look of `check`.
fn looked(service: &Service, exit: i32) -> Vec<String> {
    let checked = service.run(["check", "--json"]).ended(exit).document();
    let checks = checked["checks"].as_array().unwrap();
    let look = checks.iter().find(|check| check["check"] == "migrations").unwrap();
    let findings = look["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect()
}

fn administrator(service: &Service) -> PgConnection {
    let database = service.database.as_ref().unwrap();
    service.runtime.block_on(database.administrator().connect()).unwrap()
}

fn execute(service: &Service, connection: &mut PgConnection, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    service
        .runtime
        .block_on(sqlx::raw_sql(sql).execute(connection))
        .unwrap();
}

const LOCK: i64 = 4712;

/// A migration that waits until a session gives the lock back that [`hold`] takes.
fn waits() -> String {
    format!("select pg_advisory_xact_lock_shared({LOCK}); {ONCE}")
}

/// A session that keeps migrations from going on, until it is closed.
fn hold(service: &Service) -> PgConnection {
    let mut connection = administrator(service);
    execute(service, &mut connection, &format!("select pg_advisory_lock({LOCK})"));
    connection
}

/// Waits until so many migrations wait for the lock.
fn until_waiting(service: &Service, held: &mut PgConnection, number: i64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let sql = "select count(*) from pg_locks l where l.locktype = 'advisory' and not l.granted and l.objid = $1
        and l.database = (select oid from pg_database where datname = current_database())";
    loop {
        let query = sqlx::query_scalar(sql).bind(LOCK);
        let waiting: i64 = service.runtime.block_on(query.fetch_one(&mut *held)).unwrap();
        if waiting >= number {
            return;
        }
        assert!(Instant::now() < deadline, "{waiting} of {number} wait for the lock");
        thread::sleep(Duration::from_millis(20));
    }
}

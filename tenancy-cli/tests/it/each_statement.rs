//! `kill -9` at each statement of a command: the same command finishes, and nothing is done twice.

use std::time::{Duration, Instant};

use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use crate::support::{LastStatement, Service, Wire};

/// No command has more statements.
const MANY: u64 = 400;

/// A service that reaches its server by a wire.
struct Wired {
    service: Service,
    wire: Wire,
}

impl Wired {
    fn new() -> Self {
        Self::of(Service::postgres())
    }

    fn of(service: Service) -> Self {
        let database = service.database.as_ref().unwrap();
        let wire = Wire::to(&database.administrator());
        wire.let_through();
        let (application, administrator) = (
            wire.of(&database.application_url()),
            wire.of(&database.administrator_url()),
        );
        let service = service.with("APP_URL", application).with("ADMIN_URL", administrator);
        Self { service, wire }
    }

    /// Starts the command and kills it at this statement. Whether it had so many.
    fn kill_at(&self, line: &[&str], statement: u64, last: LastStatement) -> bool {
        self.wire.choose(statement, last);
        let mut running = self.service.start(line.iter().copied());
        let deadline = Instant::now() + Duration::from_secs(60);
        let was_reached = loop {
            if self.wire.is_reached_within(Duration::from_millis(5)) {
                running.kill();
                break true;
            }
            if !running.is_running() {
                break false;
            }
            assert!(
                Instant::now() < deadline,
                "{line:?} waits before its statement {statement}"
            );
        };
        let done = running.wait();
        self.wire.let_through();
        assert_eq!(
            done.code,
            if was_reached { None } else { Some(0) },
            "{line:?} at {statement}: {done:#?}"
        );
        was_reached
    }

    /// Gives the command, which comes to its end. How many of its statements change something.
    fn statements_of(&self, line: &[String]) -> u64 {
        self.wire.choose(u64::MAX, LastStatement::Sent);
        self.service.run(line.iter().map(String::as_str)).ended(0);
        self.wire.statements()
    }

    /// For each statement of the command that changes something: prepares, kills the command there, gives it again, and looks at
    /// what came of it. `line` makes the words from the number of the round.
    /// It has so many statements, at `least`.
    fn each(&self, least: u64, prepare: impl Fn(u64), line: impl Fn(u64) -> Vec<String>, look: impl Fn(u64, &str)) {
        prepare(1);
        let statements = self.statements_of(&line(1));
        look(1, "not killed");
        assert!(
            statements >= least,
            "{statements}: the wire counts what the command sends"
        );
        for (round, statement) in (2..).zip(1..=statements) {
            // Whether the last statement has run decides, so both are tried, one at each statement and the other at the next.
            let last = if round % 2 == 0 {
                LastStatement::Sent
            } else {
                LastStatement::HeldBack
            };
            prepare(round);
            let line = line(round);
            let line: Vec<&str> = line.iter().map(String::as_str).collect();
            let was_reached = self.kill_at(&line, statement, last);
            let at = format!("{line:?}, statement {statement} of {statements}, {last:?}, reached: {was_reached}");
            let done = self.service.run(line.iter().copied());
            assert_eq!(done.code, Some(0), "{at}: {done:#?}");
            look(round, &at);
        }
    }
}

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|word| (*word).to_owned()).collect()
}

/// How many events of this kind the tenant has.
fn count(service: &Service, id: &str, kind: &str) -> i64 {
    let database = service.database.as_ref().unwrap();
    service.runtime.block_on(async {
        let mut connection: PgConnection = database.administrator().connect().await.unwrap();
        let sql = "select count(*) from tenancy_events where tenant = $1 and kind = $2";
        let count = sqlx::query_scalar(sql).bind(id).bind(kind);
        let count = count.fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        count
    })
}

/// The status in the directory; `None` if it has no such tenant.
fn status(service: &Service, id: &str) -> Option<String> {
    let database = service.database.as_ref().unwrap();
    service.runtime.block_on(async {
        let mut connection: PgConnection = database.administrator().connect().await.unwrap();
        let status = sqlx::query_scalar("select status from tenancy_tenants where id = $1").bind(id);
        let status = status.fetch_optional(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        status
    })
}

fn insert(service: &Service, id: &str) {
    let insert = "insert into notes (id, body) values ('1', 'a')";
    service.run(["sql", id, "--write", "--command", insert]).ended(0);
}

/// The tenant's one note is there.
fn has_its_note(service: &Service, id: &str, at: &str) {
    let read = service.run(["sql", id, "--json", "--command", "select count(*) from notes"]);
    assert_eq!(read.code, Some(0), "{at}: {read:#?}");
    assert_eq!(read.document()["rows"][0]["count"], 1, "{at}");
}

fn create(service: &Service, id: &str, strategy: &str) {
    service.run(["tenant", "create", id, "--strategy", strategy]).ended(0);
    insert(service, id);
}

fn created(strategy: &'static [&'static str; 1]) {
    let wired = Wired::of(Service::postgres_with(strategy));
    let [strategy] = *strategy;
    let service = &wired.service;
    let id = |round: u64| format!("acme-{strategy}-{round}");
    wired.each(
        10,
        |_| {},
        |round| words(&["tenant", "create", &id(round), "--strategy", strategy]),
        |round, at| {
            let id = id(round);
            assert_eq!(status(service, &id).as_deref(), Some("active"), "{at}");
            for kind in ["tenant.created", "tenant.completed"] {
                assert_eq!(count(service, &id, kind), 1, "{at}: {kind}");
            }
            insert(service, &id);
            has_its_note(service, &id, at);
        },
    );
    service.run(["check"]).ended(0);
}

/// A verb of a tenant that stays, behind the fence, so that its second step is at the place.
fn changed([strategy]: &[&str; 1], verb: &str, [before, after]: [&str; 2]) {
    let wired = Wired::new();
    let service = &wired.service;
    let id = &*format!("acme-{strategy}");
    create(service, id, strategy);
    service.run(["fence", "on", "--yes"]).ended(0);
    service.fence_in_file(service.strategies);
    if before == "restore" {
        service.run(["tenant", "archive", id]).ended(0);
    }
    let kind = format!("tenant.{after}");
    let first = count(service, id, &kind);
    wired.each(
        6,
        |_| drop(service.run(["tenant", before, id]).ended(0)),
        |_| words(&["tenant", verb, id]),
        |round, at| {
            let expected = if verb == "archive" { "archived" } else { "suspended" };
            assert_eq!(status(service, id).as_deref(), Some(expected), "{at}");
            let done = count(service, id, &kind) - first;
            assert_eq!(done, i64::try_from(round).unwrap(), "{at}: {kind}");
            // Which finds a place that the directory's status has not reached.
            let fence = service.run(["fence", "status"]);
            assert_eq!(fence.code, Some(0), "{at}: {fence:#?}");
        },
    );
    service.run(["check"]).ended(0);
    if verb != "archive" {
        service.run(["tenant", "activate", id]).ended(0);
        has_its_note(service, id, verb);
    }
}

fn deleted(strategy: &'static [&'static str; 1]) {
    let wired = Wired::of(Service::postgres_with(strategy));
    let [strategy] = *strategy;
    let service = &wired.service;
    service.run(["fence", "on", "--yes"]).ended(0);
    service.fence_in_file(service.strategies);
    let id = |round: u64| format!("acme-{strategy}-{round}");
    create(service, "globex", strategy);
    wired.each(
        11,
        |round| {
            create(service, &id(round), strategy);
            service.run(["tenant", "archive", &id(round)]).ended(0);
        },
        |round| words(&["tenant", "delete", &id(round), "--grace", "0s", "--confirm", &id(round)]),
        |round, at| {
            assert_eq!(status(service, &id(round)), None, "{at}");
            assert_eq!(count(service, &id(round), "tenant.deleted"), 1, "{at}");
        },
    );
    service.run(["check"]).ended(0);
    has_its_note(service, "globex", "the other tenant");
}

/// At each other statement of a run that goes on where the one before was killed, until one comes to its end.
fn fenced(first: u64) {
    let wired = Wired::new();
    let service = &wired.service;
    for strategy in service.strategies {
        create(service, &format!("acme-{strategy}"), strategy);
    }
    let mut statement = first;
    let mut last = LastStatement::Sent;
    while wired.kill_at(&["fence", "on", "--yes"], statement, last) {
        // Half of it is found, and never more than what the file and the databases do not agree on.
        let status = service.run(["fence", "status", "--json"]);
        assert!(matches!(status.code, Some(0 | 3)), "statement {statement}: {status:#?}");
        statement += 2;
        last = match last {
            LastStatement::Sent => LastStatement::HeldBack,
            LastStatement::HeldBack => LastStatement::Sent,
        };
        assert!(statement < MANY, "the command does not end");
    }
    assert!(statement > 10, "{statement}");
    service.run(["fence", "on", "--yes"]).ended(0);
    service.fence_in_file(service.strategies);
    service.run(["check"]).ended(0);
    for strategy in service.strategies {
        let id = &*format!("acme-{strategy}");
        has_its_note(service, id, "fence on");
        service.run(["tenant", "suspend", id]).ended(0);
    }
    service.run(["fence", "status"]).ended(0);
    let listed = service.json(["events", "list", "--limit", "1000"]);
    let events = listed["events"].as_array().unwrap();
    // It says what is about to be done, in a database that may be another one: a run that was killed after it says it again.
    for strategy in service.strategies {
        let is_told = |event: &&serde_json::Value| event["kind"] == "fence.enabled" && event["after"] == *strategy;
        assert!(events.iter().any(|event| is_told(&event)), "{strategy}: {events:?}");
    }
}

/// A verb reaches the databases of its tenant, and not those of other strategies, which may be away.
#[test]
fn a_verb_connects_for_its_tenant_alone() {
    let wired = Wired::new();
    let service = &wired.service;
    for strategy in service.strategies {
        create(service, &format!("acme-{strategy}"), strategy);
    }
    service.run(["fence", "on", "--yes"]).ended(0);
    service.fence_in_file(service.strategies);
    let connections = service.strategies.iter().map(|strategy| {
        wired.wire.let_through();
        service.run(["tenant", "suspend", &format!("acme-{strategy}")]).ended(0);
        wired.wire.connections()
    });
    // To see that the directory is there, and two to it; and of the tenant's strategy: `row` is verified as both roles.
    assert_eq!(connections.collect::<Vec<_>>(), [6, 5, 4]);
}

/// A test for each strategy.
macro_rules! on_each_strategy {
    ($name:ident, $run:expr) => {
        mod $name {
            #[test]
            fn row() {
                $run(&["row"]);
            }

            #[test]
            fn schema() {
                $run(&["schema"]);
            }

            #[test]
            fn database() {
                $run(&["database"]);
            }
        }
    };
}

on_each_strategy!(create_is_killed, super::created);
on_each_strategy!(suspend_is_killed, |strategy| super::changed(
    strategy,
    "suspend",
    ["activate", "suspended"]
));
on_each_strategy!(archive_is_killed, |strategy| super::changed(
    strategy,
    "archive",
    ["restore", "archived"]
));
on_each_strategy!(restore_is_killed, |strategy| super::changed(
    strategy,
    "restore",
    ["archive", "restored"]
));
on_each_strategy!(delete_is_killed, super::deleted);

#[test]
fn fence_on_is_killed_at_odd_statements() {
    fenced(1);
}

#[test]
fn fence_on_is_killed_at_even_statements() {
    fenced(2);
}

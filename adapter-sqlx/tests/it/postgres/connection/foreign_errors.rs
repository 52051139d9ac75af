//! One tenant's error, with its data in it, is never another tenant's.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::Postgres;
use tenancy_sqlx::{PoolSettings, StrategyRegistry, TenantDb};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::postgres::connection::cancel::poll_at_most;
use crate::postgres::support::schema_server;
use crate::postgres::support::server::{TestDatabase, bodies_of, seed, tenant};

/// What is logged on this thread, whatever its level.
#[derive(Clone, Default)]
pub(crate) struct Logged(Arc<Mutex<Vec<String>>>);

impl Logged {
    pub(crate) fn lines_with(&self, text: &str) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line.contains(text)).cloned().collect()
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Logged {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} ", event.metadata().target()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

const SECRET: &str = "the secret of acme";

/// Its error has the parameter in it, which no log of statements has. It comes after a moment.
const FAILS: &str = "select ($1::text || slept::text)::int from (select pg_sleep(0.006) as slept offset 0) as after";

async fn open(database: &TestDatabase, max: usize) -> TenantDb<Postgres> {
    let row = database.row().with_pool(
        PoolSettings::new()
            .with_max_connections(max)
            .with_acquire_timeout(Duration::from_secs(20)),
    );
    TenantDb::new(StrategyRegistry::new().with(row.open().await.unwrap()).unwrap())
}

/// A future is dropped while its query runs, and the query fails; or after it has failed and before that was read.
#[tokio::test]
async fn the_error_of_a_dropped_query() {
    for max in [1, 3] {
        let database = TestDatabase::new().await;
        let db = open(&database, max).await;
        seed(&db, &["acme", "globex"]).await;
        let logged = Logged::default();
        let logging = tracing::subscriber::set_default(logged.clone());
        for round in 0..120_u32 {
            let acme = tenant("acme");
            let begun = if round % 2 == 0 {
                db.begin_read(&acme).await
            } else {
                db.begin(&acme).await
            };
            let mut tx = begun.unwrap();
            let query = sqlx::query(FAILS).bind(SECRET).execute(&mut *tx);
            // While it is prepared, or while it runs.
            let answered = if round % 3 == 0 {
                poll_at_most(1 + round % 4, query).await
            } else {
                tokio::time::timeout(Duration::from_millis(3), query).await.ok()
            };
            assert!(answered.is_none_or(|answer| answer.is_err()));
            if round % 5 == 0 {
                // The answer has come, and nobody has read it.
                std::thread::sleep(Duration::from_millis(8));
            }
            drop(tx);
            if round % 7 == 0 {
                tokio::time::sleep(Duration::from_millis(8)).await;
            }
            assert_eq!(bodies_of(&db, "globex").await, ["of globex"], "round {round}");
        }
        drop(logging);
        assert!(!logged.lines_with("globex").is_empty(), "nothing was logged");
        assert_eq!(logged.lines_with(SECRET), [""; 0]);
    }
}

/// What a handler has prepared under the names that the next transaction uses: the first of them where no schema is required.
const PREPARED: [&str; 8] = [
    "deallocate tenancy_unlock; prepare tenancy_unlock (text) as select ('the secret of acme' || coalesce($1, ''))::int",
    "deallocate tenancy_unlock; prepare tenancy_unlock (text) as select (coalesce($1, '') || 'nobody')::regnamespace",
    "deallocate tenancy_unlock; prepare tenancy_unlock as select 1",
    "deallocate tenancy_unlock; prepare tenancy_unlock (text) as select pg_sleep(0.2)",
    "deallocate tenancy_unlock_in; prepare tenancy_unlock_in (text, text) as select ('the secret of acme' || coalesce($1, ''))::int",
    "deallocate tenancy_unlock_in; prepare tenancy_unlock_in (text, text) as select (coalesce($1, '') || 'nobody')::regnamespace",
    "deallocate tenancy_unlock_in; prepare tenancy_unlock_in (text, text) as select pg_sleep(0.2)",
    "deallocate all",
];

#[tokio::test]
async fn what_a_handler_has_prepared() {
    let database = TestDatabase::new().await;
    let row = open(&database, 2).await;
    seed(&row, &["acme", "globex"]).await;
    let logged = Logged::default();
    let _logging = tracing::subscriber::set_default(logged.clone());
    for sql in PREPARED {
        // Several times, as the connection stays for so short a time that a busy machine may be too late for it.
        for wait in [0, 0, 0, 0, 0, 0, 0, 0, 10] {
            let mut tx = row.begin(&tenant("acme")).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
            // Within the moment that the connection stays, and from the pool.
            tokio::time::sleep(Duration::from_millis(wait)).await;
            for _ in 0..3 {
                assert_eq!(bodies_of(&row, "globex").await, ["of globex"], "after {sql}");
            }
        }
    }
    // sqlx logs the statement itself, at the level `debug`, as it was written: it is none of the errors.
    let told = logged.lines_with(SECRET);
    assert!(told.iter().all(|line| line.starts_with("sqlx::query")), "{told:?}");
}

/// One tenant cannot make another's schema look missing.
#[tokio::test]
async fn what_a_handler_has_prepared_in_a_schema() {
    let database = TestDatabase::new().await;
    let db = schema_server::two_tenants(&database).await;
    for sql in PREPARED {
        for wait in [0, 10] {
            let mut tx = db.begin(&schema_server::member("acme")).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
            tokio::time::sleep(Duration::from_millis(wait)).await;
            for _ in 0..3 {
                let notes = schema_server::notes_of(&db, "globex").await;
                assert_eq!(notes, ["of globex"], "after {sql}");
            }
        }
    }
}

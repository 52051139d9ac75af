//! How often a transaction goes to the thread of its connection, and what stays behind it for a moment.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, Sqlite, SqliteConnection};
use tempfile::{TempDir, tempdir};
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{PoolSettings, StrategyRegistry, TenantDb};
use tracing::span::Id;
use tracing::{Instrument, Subscriber, info_span};
use tracing_subscriber::layer::{self, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::database;
use crate::common::*;

/// Long enough for a machine that has much else to do.
const DEADLINE: Duration = Duration::from_secs(30);

const WAITED: &str = "waited for";

/// Counts the commands that arrive at the threads of connections, which enter the span in which they were sent.
#[derive(Clone, Default)]
struct Turns {
    waited: Arc<AtomicUsize>,
    all: Arc<AtomicUsize>,
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Turns {
    fn on_enter(&self, id: &Id, context: layer::Context<'_, S>) {
        let thread = std::thread::current();
        if !thread.name().is_some_and(|name| name.starts_with("sqlx-sqlite-worker")) {
            return;
        }
        self.all.fetch_add(1, Ordering::Relaxed);
        // Beginning may have a span of its own, inside of it.
        let mut scope = context.span_scope(id).into_iter().flatten();
        if scope.any(|span| span.name() == WAITED) {
            self.waited.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The fewest turns of one round among many: those that it waits for, and all that there are with those of the background.
///
/// Each round follows the last at once. A machine that is busy lets a connection go back to its pool in between, which has more.
fn turns_of<S>(open: impl AsyncFnOnce() -> S, round: impl AsyncFn(&S)) -> (usize, usize) {
    let turns = Turns::default();
    let subscriber = tracing_subscriber::registry().with(turns.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let opened = runtime.block_on(open());
    let (mut waited, mut all) = (Vec::new(), Vec::new());
    tracing::subscriber::with_default(subscriber, || {
        // What tasks of the background send is in this span.
        let _background = info_span!("background").entered();
        runtime.block_on(async {
            for _ in 0..100 {
                let before = (turns.waited.load(Ordering::Relaxed), turns.all.load(Ordering::Relaxed));
                round(&opened).instrument(info_span!(WAITED)).await;
                waited.push(turns.waited.load(Ordering::Relaxed) - before.0);
                all.push(turns.all.load(Ordering::Relaxed) - before.1);
            }
        });
    });
    (
        waited.into_iter().min().unwrap_or_default(),
        all.into_iter().min().unwrap_or_default(),
    )
}

/// A tenant of each strategy, on pools of one connection.
async fn tenants(dir: &TempDir) -> [(TenantDb<Sqlite>, Admitted); 2] {
    let (rows, a, _) = two_tenants(dir).await;
    let (files, _) = database::open(database::options(dir)).await;
    let own = database::provisioned(&files, "a").await;
    [(rows, a), (files, own)]
}

#[test]
fn a_read_takes_two_turns_and_nothing_behind_them() {
    for strategy in [0, 1] {
        let dir = tempdir().unwrap();
        let open = async || tenants(&dir).await[strategy].clone();
        let turns = turns_of(open, async |(db, tenant): &(TenantDb<Sqlite>, Admitted)| {
            let mut tx = db.begin_read(tenant).await.unwrap();
            let seen: Vec<String> = sqlx::query_scalar("select body from notes")
                .fetch_all(&mut *tx)
                .await
                .unwrap();
            assert_eq!(seen, ["of a"]);
        });
        assert_eq!(turns, (2, 2), "{}", ["row", "database"][strategy]);
    }
}

#[test]
fn a_write_takes_three_turns_and_nothing_behind_them() {
    for strategy in [0, 1] {
        let dir = tempdir().unwrap();
        let open = async || tenants(&dir).await[strategy].clone();
        let turns = turns_of(open, async |(db, tenant): &(TenantDb<Sqlite>, Admitted)| {
            let mut tx = db.begin(tenant).await.unwrap();
            sqlx::query("update notes set body = 'written'")
                .execute(&mut *tx)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        });
        assert_eq!(turns, (3, 3), "{}", ["row", "database"][strategy]);
    }
}

/// Whether the whole log goes into its file: a transaction that is open holds back what came after its beginning.
async fn is_checkpointed(connection: &mut SqliteConnection) -> bool {
    let row = sqlx::query("pragma wal_checkpoint(truncate)")
        .fetch_one(connection)
        .await
        .unwrap();
    row.get::<i64, _>(0) == 0
}

#[tokio::test]
async fn a_read_that_is_dropped_soon_lets_go_of_the_log() {
    let dir = tempdir().unwrap();
    let files = [
        dir.path().join("rows.sqlite"),
        dir.path().join("tenants/tenant-a.sqlite"),
    ];
    for ((db, tenant), file) in tenants(&dir).await.into_iter().zip(files) {
        let options = SqliteConnectOptions::new().filename(&file).busy_timeout(Duration::ZERO);
        let mut other = options.connect().await.unwrap();
        let mut read = db.begin_read(&tenant).await.unwrap();
        assert_eq!(run(&mut read, "select * from notes").await.unwrap(), 1);
        let mut write = db.begin(&tenant).await.unwrap();
        run(&mut write, "update notes set body = 'later'").await.unwrap();
        write.commit().await.unwrap();
        assert!(!is_checkpointed(&mut other).await, "the read is open");
        drop(read);
        let deadline = Instant::now() + DEADLINE;
        while !is_checkpointed(&mut other).await {
            assert!(Instant::now() < deadline, "{}", file.display());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        other.close().await.unwrap();
    }
}

/// A caller that gave up has left its query running.
#[tokio::test]
async fn nobody_waits_for_a_query_that_was_dropped() {
    let dir = tempdir().unwrap();
    let two = PoolSettings::new().with_max_connections(2);
    let rows = row_options(&dir).with_pool(two).open().await.unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(rows).unwrap());
    let (runs, stops) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let mut tx = db.begin_read(&row_tenant("a")).await.unwrap();
    let (is_running, is_to_stop) = (Arc::clone(&runs), Arc::clone(&stops));
    tx.lock_handle().await.unwrap().set_progress_handler(1_000, move || {
        is_running.store(true, Ordering::Relaxed);
        !is_to_stop.load(Ordering::Relaxed)
    });
    {
        let endless = "with recursive n(n) as (select 1 union all select n + 1 from n) select count(*) from n";
        let mut query = pin!(run(&mut tx, endless));
        let deadline = Instant::now() + DEADLINE;
        while !runs.load(Ordering::Relaxed) {
            assert!(Instant::now() < deadline, "the query does not run");
            let polled = query.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Pending), "{polled:?}");
        }
    }
    drop(tx);
    let next = tokio::time::timeout(DEADLINE, db.begin_read(&row_tenant("b"))).await;
    stops.store(true, Ordering::Relaxed);
    drop(next.expect("it waits for the query").unwrap());
    db.close().await;
}

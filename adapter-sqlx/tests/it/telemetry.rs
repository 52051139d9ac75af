//! What beginning a transaction tells metrics, spans and the log.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use sqlx::Database;
use tenancy_core::directory::TenantStatus;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, Subject};
use tenancy_sqlx::fleet::{Fleet, FleetOptions};
use tenancy_sqlx::{
    SqliteDatabaseStrategy, SqliteDirectory, StrategyRegistry, TenantDb, TransactionError, describe_metrics,
};

use crate::common::{admitted, migrations, record, run, two_tenants};
use crate::fleet;
use crate::postgres::support::schema_server;
use crate::postgres::support::server::TestDatabase;

const BEGIN: &str = "tenancy_begin_duration_seconds";
const LAG: &str = "tenancy_events_lag_seconds";

/// What this thread records.
struct Recorded {
    snapshotter: Snapshotter,
    /// A snapshot takes the gauges' values with it.
    gauges: BTreeMap<String, f64>,
}

impl Recorded {
    /// The gauges' values, and how often each histogram was added to since the last look.
    fn look(&mut self) -> BTreeMap<String, f64> {
        let mut seen = BTreeMap::new();
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            let key = key.key();
            let mut labels: Vec<_> = key
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            labels.sort();
            let name = format!("{} {}", key.name(), labels.join(" "));
            match value {
                DebugValue::Counter(count) => {
                    seen.insert(name, f64::from(u32::try_from(count).unwrap()));
                }
                // It is set, and not changed.
                DebugValue::Gauge(seconds) if name.starts_with(LAG) => {
                    assert!((0.0..60.0).contains(&seconds.0), "{seconds}");
                    seen.insert(name, if seconds.0 > 0.0 { 1.0 } else { 0.0 });
                }
                DebugValue::Gauge(change) => *self.gauges.entry(name).or_default() += change.0,
                DebugValue::Histogram(values) => {
                    assert!(
                        values.iter().all(|seconds| (0.0..60.0).contains(&seconds.0)),
                        "{values:?}"
                    );
                    seen.insert(name, f64::from(u32::try_from(values.len()).unwrap()));
                }
            }
        }
        seen.extend(self.gauges.clone());
        seen.retain(|_, value| *value != 0.0);
        seen
    }

    fn expect<const N: usize>(&mut self, expected: [(&str, f64); N]) {
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(self.look(), expected.into());
    }
}

/// Records what this thread does: a recorder of the whole process would see other tests.
fn recording<F: Future<Output = ()>>(test: impl FnOnce(Recorded) -> F) {
    let recorder = DebuggingRecorder::new();
    let recorded = Recorded {
        snapshotter: recorder.snapshotter(),
        gauges: BTreeMap::new(),
    };
    metrics::with_local_recorder(&recorder, || {
        describe_metrics();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test(recorded));
    });
}

/// Transactions that end in each way leave nothing under way.
async fn ends<DB: Database>(db: &TenantDb<DB>, tenant: &Admitted, recorded: &mut Recorded) {
    let strategy = tenant.tenant().strategy.as_str();
    let begun = format!("{BEGIN} outcome=begun strategy={strategy}");
    let under_way = format!("tenancy_transactions_under_way strategy={strategy}");
    let one = db.begin(tenant).await.unwrap();
    recorded.expect([(&begun, 1.0), (&under_way, 1.0)]);
    one.commit().await.unwrap();
    db.begin_read(tenant).await.unwrap().rollback().await.unwrap();
    drop(db.visit(tenant).await.unwrap());
    recorded.expect([(&begun, 2.0)]);
    // One that is not awaited to its end is neither waiting nor under way afterwards.
    {
        let mut beginning = pin!(db.begin(tenant));
        match beginning.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => {
                let waiting = format!("tenancy_begins_waiting strategy={strategy}");
                recorded.expect([(&waiting, 1.0)]);
            }
            Poll::Ready(begun) => drop(begun.unwrap()),
        }
    }
    let left: Vec<_> = recorded
        .look()
        .into_keys()
        .filter(|name| !name.starts_with(BEGIN))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn transactions_on_sqlite_are_measured_by_fixed_labels() {
    recording(async |mut recorded| {
        let dir = tempfile::tempdir().unwrap();
        let (db, a, _) = two_tenants(&dir).await;
        // Those that made the tenants.
        recorded.look();
        ends(&db, &a, &mut recorded).await;
        // A strategy that is not registered may be any text, and is no label; a status that does not serve begins nothing.
        let unknown = db.begin(&admitted("acme", "made-up")).await.unwrap_err();
        assert!(matches!(unknown, TransactionError::UnknownStrategy { .. }), "{unknown}");
        let suspended = record("acme", "row").with_status(TenantStatus::Suspended);
        let by = ResolverName::from_static("test");
        let suspended = Admitted::dangerously_assume(suspended, by, Subject::from_static("alice"));
        assert!(db.begin(&suspended).await.is_err());
        recorded.expect([]);
        db.close().await;
        assert!(db.begin(&a).await.is_err());
        let failed = recorded.look();
        let names: Vec<_> = failed.keys().map(String::as_str).collect();
        assert_eq!(names, [format!("{BEGIN} outcome=unavailable strategy=row")]);
    });
}

#[test]
fn transactions_on_postgres_are_measured_by_fixed_labels() {
    recording(async |mut recorded| {
        let database = TestDatabase::new().await;
        let db = schema_server::two_tenants(&database).await;
        let acme = schema_server::member("acme");
        recorded.look();
        ends(&db, &acme, &mut recorded).await;
    });
}

#[test]
fn items_of_runs_and_the_lag_of_readers_are_measured_by_fixed_labels() {
    recording(async |mut recorded| {
        let dir = tempfile::tempdir().unwrap();
        let directory = SqliteDirectory::open(dir.path().join("directory.sqlite"))
            .await
            .unwrap();
        let files = async |sql: &[&'static str]| {
            let files = SqliteDatabaseStrategy::builder(dir.path().join("tenants")).with_migrations(migrations(sql));
            TenantDb::new(StrategyRegistry::new().with(files.open().await.unwrap()).unwrap())
        };
        const FIRST: &str = "create table notes (body text)";
        let old = files(&[FIRST]).await;
        fleet::support::create(&directory, &old, "database", &["a", "b", "c"]).await;
        // What its migration makes is there already.
        let mut tx = old.begin(&admitted("b", "database")).await.unwrap();
        run(&mut tx, "create table drafts (body text)").await.unwrap();
        tx.commit().await.unwrap();
        recorded.look();

        let new = files(&[FIRST, "create table drafts (body text)"]).await;
        let fleet = Fleet::new(directory.clone(), &new).unwrap();
        fleet::support::run(&fleet, &FleetOptions::new()).await;
        recorded.expect([
            ("tenancy_run_items_total state=done strategy=database", 2.0),
            ("tenancy_run_items_total state=failed strategy=database", 1.0),
        ]);

        let events = directory.follow_events("billing".parse().unwrap()).await.unwrap();
        let mut events = events.with_poll_interval(Duration::from_millis(1));
        let all = std::num::NonZeroU32::new(1000).unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        events.next_batch(all).await.unwrap();
        recorded.expect([("tenancy_events_lag_seconds cursor=billing", 1.0)]);
        assert!(
            tokio::time::timeout(Duration::from_millis(50), events.next_batch(all))
                .await
                .is_err()
        );
        // It has read everything: the lag is 0.
        recorded.expect([]);
    });
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What this thread logs of tenancy meanwhile.
async fn logged(work: impl Future<Output = ()>) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    work.await;
    drop(guard);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    text.lines()
        .filter(|line| line.contains("tenancy"))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[tokio::test]
async fn a_beginning_has_a_span_and_a_slow_one_is_logged() {
    let dir = tempfile::tempdir().unwrap();
    let (db, a, _) = two_tenants(&dir).await;
    let quiet = logged(async { db.begin(&a).await.unwrap().commit().await.unwrap() }).await;
    assert!(!quiet.contains("WARN"), "{quiet}");
    let span = "tenancy.begin{tenant=\"a\" strategy=\"row\" outcome=\"begun\"}";
    assert_eq!(quiet.matches(span).count(), 1, "{quiet}");

    let slow = db.clone().with_slow_begin(Duration::ZERO);
    let log = logged(async { slow.begin(&a).await.unwrap().commit().await.unwrap() }).await;
    let warning = log.lines().find(|line| line.contains("WARN")).unwrap();
    for part in ["a transaction was slow to begin", "id=a", "strategy=row", "took="] {
        assert!(warning.contains(part), "{part}: {warning}");
    }
    // The true cause, for the operator.
    db.close().await;
    let log = logged(async { drop(slow.begin(&a).await.unwrap_err()) }).await;
    assert!(
        log.contains("slow to begin, and failed") && log.contains("closed"),
        "{log}"
    );
    assert!(log.contains("outcome=\"unavailable\""), "{log}");
}

//! Limits of calls, and the spans and metrics of them.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tenancy_core::directory::TenantStatus;
use tenancy_http::{Limits, Rate, Tenancy, TenantLimiter};
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::endless::{client, request};
use crate::tenure_support::{Named, Tenants, enforcer};

fn limited(tenants: &Tenants, limits: Limits) -> Tenancy {
    Tenancy::builder(enforcer(), Named, tenants.clone())
        .with_authorizer(tenants.clone())
        .with_limits(TenantLimiter::new(limits))
        .build()
}

fn text(status: &Status, name: &str) -> String {
    let value = status.metadata().get(name).map(|value| value.to_str().unwrap());
    value.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_tenant_over_its_rate_learns_when_to_try_again() {
    let rate = Rate::new(2, Duration::from_secs(3600)).unwrap();
    let mut client = client(&limited(&Tenants::new(), Limits::none().with_rate(rate))).await;
    for tenant in ["acme", "globex"] {
        for _ in 0..2 {
            client.check(request(tenant, "alice")).await.unwrap();
        }
        // A stranger spends nothing of it, and learns nothing of it.
        let stranger = client.check(request(tenant, "mallory")).await.unwrap_err();
        assert_eq!(stranger.code(), Code::PermissionDenied);
        let unary = client.check(request(tenant, "alice")).await.unwrap_err();
        let streaming = client.watch(request(tenant, "alice")).await.unwrap_err();
        for status in [unary, streaming] {
            assert_eq!(
                (status.code(), status.message()),
                (Code::ResourceExhausted, "rate_limited")
            );
            let seconds: u64 = text(&status, "retry-after").parse().unwrap();
            assert!((1700..=1800).contains(&seconds), "{seconds}");
            assert_eq!(text(&status, "grpc-retry-pushback-ms"), format!("{seconds}000"));
        }
    }
}

#[tokio::test]
async fn a_stream_is_under_way_until_it_ends() {
    let tenants = Tenants::new();
    let mut client = client(&limited(&tenants, Limits::none().with_under_way(1))).await;
    let mut updates = client.watch(request("acme", "alice")).await.unwrap().into_inner();
    assert!(updates.message().await.unwrap().is_some());
    let refused = client.check(request("acme", "alice")).await.unwrap_err();
    let told = (refused.code(), refused.message());
    assert_eq!(told, (Code::ResourceExhausted, "too_many_requests_under_way"));
    assert!(client.check(request("globex", "alice")).await.is_ok());
    tenants.change(|now| now.status = TenantStatus::Suspended);
    while let Ok(Some(_)) = updates.message().await {}
    tenants.change(|now| now.status = TenantStatus::Active);
    // The client may see the end a little before the server has let go of the stream.
    let freed = async {
        while client.check(request("acme", "alice")).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), freed).await.unwrap();
}

/// What is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The test runs on one thread, and so does its server: what it installs for the thread sees both.
#[tokio::test]
async fn calls_have_spans_and_are_counted_as_requests_are() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::NEW)
        .with_env_filter("tenancy=debug")
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);

    let mut client = client(&crate::tenure_support::tenancy(&Tenants::new())).await;
    client.check(request("acme", "alice")).await.unwrap();
    client.check(request("acme", "mallory")).await.unwrap_err();
    client.check(request("ACME", "alice")).await.unwrap_err();

    let mut counted = Vec::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let labels: Vec<_> = key
            .key()
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let value = match value {
            DebugValue::Counter(count) => count as usize,
            DebugValue::Histogram(values) => values.len(),
            DebugValue::Gauge(_) => 0,
        };
        counted.push(format!("{} {} {value}", key.key().name(), labels.join(" ")));
    }
    counted.sort_unstable();
    assert_eq!(
        counted,
        [
            "tenancy_admission_duration_seconds access=scoped outcome=admitted 1",
            "tenancy_admission_duration_seconds access=scoped outcome=refused 2",
            "tenancy_refusals_total access=scoped code=forbidden 1",
            "tenancy_refusals_total access=scoped code=malformed_tenant 1",
        ]
    );
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let spans = log
        .lines()
        .filter(|line| line.contains("tenancy.request{"))
        .collect::<Vec<_>>();
    assert_eq!(spans.len(), 1, "{log}");
    assert!(
        log.contains(r#"tenant="acme" strategy="row" resolver="header""#),
        "{log}"
    );
    assert!(!log.contains("ACME"), "{log}");
}

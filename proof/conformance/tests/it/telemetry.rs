//! What metrics and `tracing` learn of requests: the spans that their code runs in, and how decisions are measured.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tenancy_http::{Limits, ManualClock, Rate, Tenancy, TenantLimiter, describe_metrics};

use crate::client::{Client, Protocol, on_one_thread};
use crate::log::Log;
use crate::policies::{ACME, Asked, MEMBER, NOBODY, STRANGER};
use crate::probe::{CROWD, PIECES, Signals};
use crate::server::{Application, Around, Serve, start};
use crate::{on_each_framework, tenants};

on_each_framework!(
    the_code_of_a_request_runs_in_its_span,
    spans_never_mix_tenants,
    decisions_are_measured_by_fixed_labels,
    tenants_are_a_label_where_that_is_wanted,
);

/// What the code of the requests has logged, with the spans around.
fn seen(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("the probe sees")).collect()
}

fn the_code_of_a_request_runs_in_its_span(serve: Serve) {
    for tenancy in [tenants::prompt(), tenants::waiting()] {
        on_one_thread(async {
            for protocol in Protocol::ALL {
                let mut asked = Asked::of(serve, tenancy.clone(), protocol).await;
                for (path, tenant, expected) in [
                    ("/probe/reads", "acme", 5),
                    ("/stream", "globex", PIECES),
                    ("/probe/join", "acme", 2),
                ] {
                    let log = Log::start();
                    assert_eq!(asked.client.get(path, Some(tenant)).await.0, 200);
                    let log = log.end();
                    let span = format!("tenancy.request{{tenant=\"{tenant}\" strategy=\"row\" resolver=\"header\"}}:");
                    let seen = seen(&log);
                    assert_eq!(seen.len(), expected, "{log}");
                    for line in seen {
                        assert!(
                            line.contains(&span) && line.contains(&format!("sees {tenant}")),
                            "{line}"
                        );
                    }
                }
                // Outside of the request, and in a task of its own, nothing is left of it.
                for (path, tenant) in [("/central", Some("acme")), ("/probe/spawn", Some("acme"))] {
                    let log = Log::start();
                    assert_eq!(asked.client.get(path, tenant).await.0, 200);
                    let log = log.end();
                    let seen = seen(&log);
                    assert_eq!(seen.len(), 1, "{log}");
                    assert!(!log.contains("tenancy.request"), "{log}");
                }
                // Refusals have no span, and policies inside policies one each at most.
                let log = Log::start();
                assert_eq!(asked.get("/scoped", STRANGER).await.status, 403);
                assert!(!log.end().contains("tenancy.request"));
            }
        });
    }
}

/// Many at once, on one thread, so that pieces of one run between those of others.
fn spans_never_mix_tenants(serve: Serve) {
    on_one_thread(async {
        let application = Application {
            tenancy: tenants::waiting(),
            around: Around::Nothing,
            signals: Signals::new(),
        };
        let client = Client::connect(start(serve, application).await, Protocol::Http2).await;
        let log = Log::start();
        let calls = [
            ("acme", "/stream"),
            ("globex", "/probe/reads"),
            ("globex", "/stream"),
            ("acme", "/probe/reads"),
        ];
        let requests = calls.iter().cycle().take(CROWD).map(|(id, path)| {
            let mut client = client.share();
            async move { assert_eq!(client.get(path, Some(id)).await.0, 200) }
        });
        join_all(requests).await;
        let log = log.end();
        assert_eq!(seen(&log).len(), CROWD * 5, "{log}");
        for line in seen(&log) {
            let (_, tenant) = line.rsplit_once(' ').unwrap();
            assert_eq!(line.matches("tenancy.request").count(), 1, "{line}");
            assert!(line.contains(&format!("tenant=\"{tenant}\"")), "{line}");
        }
    });
}

/// What was recorded: each metric with its labels, and how often.
fn counted(snapshotter: &Snapshotter) -> BTreeMap<String, u64> {
    let metrics = snapshotter.snapshot().into_vec().into_iter();
    let count = metrics.filter_map(|(key, _, _, value)| {
        let mut labels: Vec<_> = key
            .key()
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        labels.sort();
        let count = match value {
            DebugValue::Counter(count) => count,
            DebugValue::Histogram(values) => {
                assert!(
                    values.iter().all(|seconds| (0.0..60.0).contains(&seconds.0)),
                    "{values:?}"
                );
                values.len() as u64
            }
            DebugValue::Gauge(_) => return None,
        };
        // What was there before and has not changed is a zero.
        (count > 0).then(|| (format!("{} {}", key.key().name(), labels.join(" ")), count))
    });
    count.collect()
}

fn decisions_are_measured_by_fixed_labels(serve: Serve) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        describe_metrics();
        for protocol in Protocol::ALL {
            for tenancy in [tenants::prompt(), tenants::waiting()] {
                on_one_thread(each_answer(serve, tenancy, protocol));
                let expected = [
                    (
                        "tenancy_admission_duration_seconds access=authenticated outcome=authenticated",
                        1,
                    ),
                    (
                        "tenancy_admission_duration_seconds access=authenticated outcome=refused",
                        1,
                    ),
                    (
                        "tenancy_admission_duration_seconds access=optional outcome=no_tenant",
                        1,
                    ),
                    ("tenancy_admission_duration_seconds access=public outcome=refused", 1),
                    ("tenancy_admission_duration_seconds access=public outcome=visit", 1),
                    ("tenancy_admission_duration_seconds access=scoped outcome=admitted", 3),
                    ("tenancy_admission_duration_seconds access=scoped outcome=refused", 3),
                    (
                        "tenancy_refusals_total access=authenticated code=credentials_required",
                        1,
                    ),
                    ("tenancy_refusals_total access=public code=not_found", 1),
                    ("tenancy_refusals_total access=scoped code=credentials_required", 1),
                    ("tenancy_refusals_total access=scoped code=forbidden", 2),
                ];
                let expected: BTreeMap<_, _> = expected.map(|(name, count)| (name.to_owned(), count)).into();
                assert_eq!(counted(&snapshotter), expected, "{protocol:?}");
            }
        }
    });
}

fn tenants_are_a_label_where_that_is_wanted(serve: Serve) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let ten_a_day = Rate::new(10, std::time::Duration::from_secs(24 * 3600)).unwrap();
    metrics::with_local_recorder(&recorder, || {
        for protocol in Protocol::ALL {
            let limiter = TenantLimiter::new(Limits::none().with_rate(ten_a_day)).with_clock(ManualClock::new());
            let tenancy = tenants::labelled(limiter);
            on_one_thread(async {
                let mut asked = Asked::of(serve, tenancy, protocol).await;
                for _ in 0..4 {
                    // Each is one request, whatever layers it passes.
                    for path in [
                        "/scoped-three-times",
                        "/scoped-in-public",
                        "/scoped-in-optional",
                        "/table/member",
                    ] {
                        asked.get(path, MEMBER).await;
                    }
                    // These are no members' of a tenant.
                    for (path, call) in [("/scoped", STRANGER), ("/public", ACME), ("/scoped", NOBODY)] {
                        asked.get(path, call).await;
                    }
                    asked.get("/scoped", (Some("alice"), Some("made-up"))).await;
                }
                asked.get("/scoped", (Some("bob"), Some("globex"))).await;
            });
            let mut counted = counted(&snapshotter);
            counted.retain(|name, _| name.starts_with("tenancy_tenant"));
            let expected = [
                ("tenancy_tenant_requests_total outcome=limited tenant=acme", 6),
                ("tenancy_tenant_requests_total outcome=served tenant=acme", 10),
                ("tenancy_tenant_requests_total outcome=served tenant=globex", 1),
            ];
            let expected: BTreeMap<_, _> = expected.map(|(name, count)| (name.to_owned(), count)).into();
            assert_eq!(counted, expected, "{protocol:?}");
        }
    });
}

async fn each_answer(serve: Serve, tenancy: Tenancy, protocol: Protocol) {
    let mut asked = Asked::of(serve, tenancy, protocol).await;
    for (path, call, expected) in [
        ("/scoped", MEMBER, 200),
        ("/scoped", MEMBER, 200),
        // Inside of a layer of the same tenancy nothing is decided again.
        ("/scoped-three-times", MEMBER, 200),
        ("/scoped", ACME, 401),
        ("/scoped", STRANGER, 403),
        // A name that a request makes up is in no label.
        ("/scoped", (Some("alice"), Some("made-up")), 403),
        ("/public", ACME, 200),
        ("/public", NOBODY, 404),
        ("/optional", NOBODY, 200),
        ("/callers/alone", (Some("alice"), None), 200),
        ("/callers/alone", NOBODY, 401),
        ("/central", MEMBER, 200),
    ] {
        assert_eq!(asked.get(path, call).await.status, expected, "{path} {call:?}");
    }
}

//! How look-ups were answered, as the recorder of metrics has it.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tenancy_cache::{CachedAuthorizer, CachedDirectory, describe_metrics};
use tenancy_core::directory::{Directory, MemoryDirectory, MemoryEntry};
use tenancy_core::names::TenantKey;

use crate::cache_support::directory::{ACTIVE, Scripted, asking, record};

/// Each counter that has grown since the last look, and by how much.
fn grown(snapshotter: &Snapshotter) -> BTreeMap<String, u64> {
    let snapshot = snapshotter.snapshot().into_vec().into_iter();
    let values = snapshot.map(|(key, _, description, value)| {
        assert!(description.is_some(), "{key:?}");
        let labels: Vec<_> = key.key().labels().map(|label| label.value().to_owned()).collect();
        let DebugValue::Counter(value) = value else {
            panic!("{value:?}");
        };
        (format!("{} {}", key.key().name(), labels.join(" ")), value)
    });
    values.filter(|(_, value)| *value > 0).collect()
}

fn expected<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts
        .into_iter()
        .map(|(labels, count)| (format!("tenancy_lookups_total {labels}"), count))
        .collect()
}

#[test]
fn look_ups_are_counted_by_how_they_were_answered() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let entry = MemoryEntry::new(record("acme")).with_member("alice".parse().unwrap());
    let directory = MemoryDirectory::new([entry]).unwrap();
    let members = CachedAuthorizer::new(directory.clone());
    let cached = CachedDirectory::new(directory);
    let key = |id: &str| TenantKey::Id(id.parse().unwrap());
    metrics::with_local_recorder(&recorder, || {
        describe_metrics();
        // As a request looks a tenant up: at once if that is cached, and else by a query.
        let look_up = |id: &str| {
            if cached.peek(&key(id), |_| ()).is_none() {
                let _ = runtime.block_on(cached.find(&key(id))).unwrap();
            }
        };
        for _ in 0..6 {
            look_up("acme");
        }
        for _ in 0..3 {
            look_up("nobody");
        }
        assert_eq!(grown(&snapshotter), expected([]), "a look-up records nothing");
        cached.record_metrics();
        let counts = [
            // A thread takes a tenant into its own cache when it finds it for the second time.
            ("tenants shared", 2),
            ("tenants thread", 3),
            ("tenants queried", 2),
            ("tenants negative", 2),
        ];
        assert_eq!(grown(&snapshotter), expected(counts));
        cached.record_metrics();
        assert_eq!(grown(&snapshotter), expected([]), "it was recorded");

        // What other threads have found is recorded, too.
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert!(cached.peek(&key("acme"), |_| ()).is_some()));
            }
        });
        cached.record_metrics();
        members.record_metrics();
        assert_eq!(grown(&snapshotter), expected([("tenants shared", 4)]));
    });
}

#[test]
fn callers_that_wait_for_one_query_are_counted_apart() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let directory = Scripted::of(&["acme"]);
    let cached = CachedDirectory::new(directory.clone());
    runtime.block_on(async {
        let held = directory.hold();
        let asking = [asking(&cached, "acme").await, asking(&cached, "acme").await];
        drop(held);
        for asked in asking {
            assert_eq!(asked.await.unwrap(), ACTIVE);
        }
    });
    metrics::with_local_recorder(&recorder, || {
        describe_metrics();
        cached.record_metrics();
    });
    let counts = [("tenants queried", 1), ("tenants waited", 1)];
    assert_eq!(grown(&snapshotter), expected(counts));
}

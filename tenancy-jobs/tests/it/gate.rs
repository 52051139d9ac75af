//! What becomes of a job is decided when it runs, by the directory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tenancy_core::directory::{MemoryDirectory, MemoryEntry, TenantRecord, TenantStatus};
use tenancy_core::enforce::admit_job;
use tenancy_core::testing::TestTenant;
use tenancy_jobs::{Dropped, Gate, GateDecision, JobKeyError, JobKeys, Later, ReceivedJob, TenantJob};

use crate::support::{SECRET, Seen, World, keys, lines, note};

/// Runs what is due, and returns how many jobs have run and what was seen.
async fn run_due(world: &World) -> (usize, Seen) {
    let (worker, seen) = world.worker();
    let ran = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&ran);
    let worker = worker
        .with_concurrency(1)
        .with_job(note(), move |_, _: ReceivedJob<String>| {
            counter.fetch_add(1, Ordering::Relaxed);
            async { Ok::<_, std::convert::Infallible>(()) }
        });
    worker.build().run_due().await.unwrap();
    (ran.load(Ordering::Relaxed), seen)
}

#[tokio::test]
async fn a_job_of_a_tenant_that_was_suspended_waits_without_an_attempt() {
    let world = World::new().await;
    world.enqueue("acme", "1").await;
    world.enqueue("acme", "2").await;
    world.status("acme", TenantStatus::Suspended).await;
    let (ran, seen) = run_due(&world).await;
    assert_eq!(ran, 0);
    // The directory is queried for one of them.
    assert_eq!(lines(&seen), ["acme later: the tenant `acme` is suspended"]);
    assert_eq!(world.attempts().await, [0, 0]);
    assert_eq!(run_due(&world).await.0, 0);
    assert_eq!(world.attempts().await, [0, 0]);

    world.status("acme", TenantStatus::Active).await;
    world.all_due().await;
    assert_eq!(run_due(&world).await.0, 2);
    assert_eq!(world.attempts().await, [0; 0]);
}

#[tokio::test]
async fn a_job_of_a_tenant_that_was_archived_is_dropped_with_an_event() {
    let world = World::new().await;
    world.enqueue("acme", "1").await;
    world.status("acme", TenantStatus::Archived).await;
    let (ran, seen) = run_due(&world).await;
    assert_eq!(ran, 0);
    assert_eq!(lines(&seen), ["acme dropped: the tenant `acme` is archived"]);
    assert_eq!(world.attempts().await, [0; 0]);
}

#[tokio::test]
async fn a_job_of_a_tenant_that_was_removed_is_dropped_with_an_event() {
    let world = World::new().await;
    world.enqueue("acme", "1").await;
    world.status("acme", TenantStatus::Archived).await;
    assert!(world.directory.remove(&"acme".parse().unwrap()).await.unwrap());
    let (ran, seen) = run_due(&world).await;
    assert_eq!(ran, 0);
    assert_eq!(lines(&seen), ["acme dropped: no tenant `acme` is in the directory"]);
    assert_eq!(world.attempts().await, [0; 0]);
}

fn directory(record: TenantRecord) -> MemoryDirectory {
    MemoryDirectory::new([MemoryEntry::new(record)]).unwrap()
}

fn acme() -> TenantRecord {
    TenantRecord::new("acme".parse().unwrap(), "row".parse().unwrap())
}

#[tokio::test]
async fn a_job_of_a_tenant_that_is_being_provisioned_waits() {
    let job = TenantJob::new(&TestTenant::new("acme").admitted(), note(), 1);
    let sealed = job.seal(&keys()).unwrap();
    let gate = Gate::new(directory(acme().with_status(TenantStatus::Provisioning)), keys());
    let decision = gate.admit(&sealed).await;
    let GateDecision::Later(Later::NotActive { status, .. }) = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(status, TenantStatus::Provisioning);
}

#[tokio::test]
async fn a_job_waits_for_a_directory_that_is_behind() {
    let now = directory(acme().with_revision(7));
    let admitted = admit_job(&now, &acme().id, note()).await.unwrap();
    let sealed = TenantJob::new(&admitted, note(), 1).seal(&keys()).unwrap();
    for (revision, runs) in [(6, false), (7, true), (8, true)] {
        let gate = Gate::new(directory(acme().with_revision(revision)), keys());
        let decision = gate.admit(&sealed).await;
        assert_eq!(matches!(decision, GateDecision::Run(_)), runs, "{decision:?}");
        if !runs {
            assert!(matches!(decision, GateDecision::Later(Later::DirectoryBehind { .. })));
        }
    }
}

#[tokio::test]
async fn a_job_that_was_sealed_by_a_former_key_runs_and_by_a_strange_one_does_not() {
    let job = TenantJob::new(&TestTenant::new("acme").admitted(), note(), 1);
    let other = [9; 32];
    let rotated = JobKeys::new("new", &other)
        .unwrap()
        .with_former("test", SECRET)
        .unwrap();
    let strange = JobKeys::new("test", &other).unwrap();
    let gate = |keys| Gate::new(directory(acme()), keys);
    let sealed = job.seal(&keys()).unwrap();
    assert!(matches!(gate(rotated).admit(&sealed).await, GateDecision::Run(_)));
    let decision = gate(strange).admit(&sealed).await;
    assert!(matches!(decision, GateDecision::Drop(Dropped::Forged)), "{decision:?}");
}

#[test]
fn keys_that_could_be_guessed_or_confused_are_refused() {
    let short = JobKeys::new("a", &SECRET[1..]).unwrap_err();
    assert_eq!(short, JobKeyError::TooShort { id: "a".into() });
    assert_eq!(JobKeys::new("", SECRET).unwrap_err(), JobKeyError::NoName);
    let repeated = keys().with_former("test", SECRET).unwrap_err();
    assert_eq!(repeated, JobKeyError::Repeated { id: "test".into() });
    assert!(!format!("{:?}", keys()).contains("thirty"));
}

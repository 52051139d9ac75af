//! How the work of a job runs, fails, and is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenancy_core::context;
use tenancy_core::directory::TenantStatus;
use tenancy_core::enforce::Standing;
use tenancy_jobs::ReceivedJob;
use tokio::sync::Notify;

use crate::support::{World, lines, note, write};

#[tokio::test]
async fn a_retry_has_the_same_tenant_and_id() {
    let world = World::new().await;
    world.enqueue("acme", "of acme").await;
    let (worker, seen) = world.worker();
    let attempts = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (db, ids) = (world.db.clone(), Arc::clone(&attempts));
    let worker = worker.with_job(note(), move |tenant, job: ReceivedJob<String>| {
        let (db, ids) = (db.clone(), Arc::clone(&ids));
        async move {
            let attempt = {
                let mut ids = ids.lock().unwrap();
                ids.push((tenant.id().to_string(), job.id.clone()));
                ids.len()
            };
            assert_eq!((tenant.standing(), tenant.subject().as_str()), (Standing::Job, "note"));
            assert_eq!(job.enqueued_by.subject, "test-member");
            anyhow::ensure!(attempt == 3, "not yet");
            write(&db, &job.payload).await
        }
    });
    worker.build().run_due().await.unwrap();
    let failed = "acme failed: failed to do the work of the job";
    assert_eq!(lines(&seen), [failed, failed, "acme done"]);
    let attempts = attempts.lock().unwrap().clone();
    assert!(
        attempts
            .iter()
            .all(|attempt| *attempt == attempts[0] && attempt.0 == "acme"),
        "{attempts:?}"
    );
    assert_eq!(world.notes("acme").await, ["of acme"]);
    assert_eq!(world.notes("globex").await, [] as [String; 0]);
}

#[tokio::test]
async fn a_panic_leaves_no_tenant_and_the_job_is_tried_again() {
    let world = World::new().await;
    world.enqueue("acme", "twice").await;
    let (worker, seen) = world.worker();
    let attempts = Arc::new(AtomicUsize::new(0));
    let (db, counter) = (world.db.clone(), Arc::clone(&attempts));
    let worker = worker
        .with_concurrency(1)
        .with_job(note(), move |_, job: ReceivedJob<String>| {
            let (db, counter) = (db.clone(), Arc::clone(&counter));
            async move {
                let mut tx = db.begin_current().await?;
                let sql = "insert into notes (body) values ($1)";
                sqlx::query(sql).bind(&job.payload).execute(&mut *tx).await?;
                assert!(counter.fetch_add(1, Ordering::Relaxed) > 0, "the first attempt panics");
                tx.commit().await?;
                anyhow::Ok(())
            }
        });
    let worker = worker.with_observer({
        let seen = Arc::clone(&seen);
        move |event| {
            // The observer runs on the task that has panicked.
            assert!(context::current().is_err());
            seen.lock()
                .unwrap()
                .push(format!("{} {:?}", event.tenant, event.attempt));
        }
    });
    worker.build().run_due().await.unwrap();
    assert_eq!(lines(&seen), ["acme 1", "acme 2"]);
    assert_eq!(
        world.notes("acme").await,
        ["twice"],
        "the first attempt was rolled back"
    );
    assert!(context::current().is_err());
}

#[tokio::test]
async fn a_job_that_fails_too_often_stays_in_the_queue_and_does_not_run() {
    let world = World::new().await;
    world.enqueue("acme", "1").await;
    let (worker, seen) = world.worker();
    let worker = worker
        .with_max_attempts(2)
        .with_job(note(), |_, _: ReceivedJob<u32>| async { anyhow::Ok(()) });
    let worker = worker.build();
    worker.run_due().await.unwrap();
    let reason = "failed to read the payload of the job";
    assert_eq!(
        lines(&seen),
        [format!("acme failed: {reason}"), format!("acme gave up: {reason}")]
    );
    world.all_due().await;
    worker.run_due().await.unwrap();
    assert_eq!(lines(&seen).len(), 2);
    let sql = "select last_error from tenancy_jobs.jobs where gave_up";
    let error: String = sqlx::query_scalar(sql).fetch_one(&world.queue).await.unwrap();
    assert!(error.starts_with(reason) && error.len() > reason.len(), "{error}");
}

/// A job that ends its process never fails: it is claimed again and again.
#[tokio::test]
async fn a_job_whose_attempts_never_ended_is_given_up() {
    let world = World::new().await;
    world.enqueue("acme", "1").await;
    let sql = "update tenancy_jobs.jobs set attempts = 2";
    sqlx::query(sql).execute(&world.queue).await.unwrap();
    let (worker, seen) = world.worker();
    let worker = worker
        .with_max_attempts(2)
        .with_job(note(), |_, _: ReceivedJob<String>| async { anyhow::Ok(()) });
    worker.build().run_due().await.unwrap();
    assert_eq!(
        lines(&seen),
        ["acme gave up: the last attempt of the job has not ended"]
    );
}

#[tokio::test]
async fn work_beyond_its_time_limit_is_dropped() {
    let world = World::new().await;
    world.enqueue("acme", "1").await;
    let (worker, seen) = world.worker();
    let worker = worker
        .with_time_limit(Duration::from_millis(300))
        .with_max_attempts(1)
        .with_job(note(), |_, _: ReceivedJob<String>| {
            std::future::pending::<Result<(), anyhow::Error>>()
        });
    worker.build().run_due().await.unwrap();
    assert_eq!(
        lines(&seen),
        ["acme gave up: the work of the job exceeded its time limit"]
    );
}

#[tokio::test]
async fn jobs_of_other_names_stay_for_other_workers() {
    let world = World::new().await;
    world.enqueue("acme", "1").await;
    let (worker, seen) = world.worker();
    let other = tenancy_core::names::Subject::from_static("other");
    let worker = worker.with_job(other, |_, _: ReceivedJob<String>| async { anyhow::Ok(()) });
    worker.build().run_due().await.unwrap();
    assert_eq!(lines(&seen), [] as [String; 0]);
    assert_eq!(world.attempts().await, [0]);
}

#[tokio::test]
async fn a_worker_that_is_stopped_waits_for_the_jobs_that_run() {
    let world = World::new().await;
    let (worker, seen) = world.worker();
    let (began, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let signals = (Arc::clone(&began), Arc::clone(&go_on));
    let worker = worker.with_job(note(), move |_, _: ReceivedJob<String>| {
        let (began, go_on) = signals.clone();
        async move {
            began.notify_one();
            go_on.notified().await;
            anyhow::Ok(())
        }
    });
    let worker = worker.build();
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let running = tokio::spawn(async move { worker.run_until(stopped.notified()).await });
    // Enqueued while the worker finds nothing.
    world.enqueue("acme", "1").await;
    let deadline = Duration::from_secs(30);
    tokio::time::timeout(deadline, began.notified()).await.unwrap();
    stop.notify_one();
    go_on.notify_one();
    tokio::time::timeout(deadline, running).await.unwrap().unwrap();
    assert_eq!(lines(&seen), ["acme done"]);
    assert_eq!(world.attempts().await, [0; 0]);
}

/// PostgreSQL has no interval that is so long.
#[tokio::test]
async fn the_longest_times_are_those_of_any_worker() {
    let world = World::new().await;
    world.enqueue("acme", "of acme").await;
    world.enqueue("globex", "of globex").await;
    world.status("globex", TenantStatus::Suspended).await;
    let (worker, seen) = world.worker();
    let db = world.db.clone();
    let worker = worker
        .with_first_retry(Duration::MAX)
        .with_later(Duration::MAX)
        .with_time_limit(Duration::MAX)
        .with_job(note(), move |_, job: ReceivedJob<String>| {
            let db = db.clone();
            async move { write(&db, &job.payload).await }
        });
    worker.build().run_due().await.unwrap();
    let mut lines = lines(&seen);
    lines.sort();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0], "acme done");
    assert_eq!(world.notes("acme").await, ["of acme"]);
    // Put back, and by no attempt.
    assert_eq!(world.attempts().await, [0]);
}

//! One tenant's flood leaves the others' jobs running.

use std::sync::Arc;
use std::time::Duration;

use tenancy_jobs::ReceivedJob;
use tokio::sync::Notify;

use crate::support::{World, lines, note};

#[tokio::test]
async fn tenants_are_served_in_turn() {
    let world = World::new().await;
    world.tenant("initech", "row").await;
    for number in 0..20 {
        world.enqueue("globex", &number.to_string()).await;
    }
    world.enqueue("initech", "1").await;
    world.enqueue("acme", "1").await;
    let (worker, seen) = world.worker();
    let worker = worker
        .with_concurrency(1)
        .with_job(note(), |_, _: ReceivedJob<String>| async { anyhow::Ok(()) });
    worker.build().run_due().await.unwrap();
    let seen = lines(&seen);
    assert_eq!(seen[..4], ["acme done", "globex done", "initech done", "globex done"]);
    assert_eq!(seen.len(), 22);
}

/// Jobs of acme do not end before the one of globex has run, which is enqueued when acme has all that it may have.
#[tokio::test]
async fn a_flood_leaves_room_for_others() {
    let world = World::new().await;
    for number in 0..20 {
        world.enqueue("acme", &number.to_string()).await;
    }
    let (worker, seen) = world.worker();
    let (began, other_ran) = (Arc::new(Notify::new()), Arc::new(tokio::sync::Semaphore::new(0)));
    let signals = (Arc::clone(&began), Arc::clone(&other_ran));
    let worker = worker
        .with_concurrency(2)
        .with_job(note(), move |tenant, _: ReceivedJob<String>| {
            let (began, other_ran) = signals.clone();
            async move {
                if tenant.id().as_str() == "globex" {
                    other_ran.add_permits(1);
                } else {
                    began.notify_one();
                    drop(other_ran.acquire().await?);
                }
                anyhow::Ok(())
            }
        })
        .build();
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let running = tokio::spawn(async move { worker.run_until(stopped.notified()).await });
    let deadline = Duration::from_secs(30);
    tokio::time::timeout(deadline, began.notified()).await.unwrap();
    world.enqueue("globex", "1").await;
    let ran = tokio::time::timeout(deadline, other_ran.acquire()).await;
    drop(ran.unwrap().unwrap());
    stop.notify_one();
    tokio::time::timeout(deadline, running).await.unwrap().unwrap();
    // One of acme's may be noted first: it ends as soon as the one of globex has run.
    let seen = lines(&seen);
    assert!(seen.iter().take(2).any(|line| line == "globex done"), "{seen:?}");
}

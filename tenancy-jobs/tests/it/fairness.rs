//! One tenant's flood leaves the others' jobs running.

use std::sync::Arc;
use std::time::Duration;

use tenancy_jobs::ReceivedJob;
use tokio::sync::{Notify, Semaphore};

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

/// No job of acme ends before two of globex have run one after the other. Each time one has, the worker takes a job of acme for
/// the room that is left, if acme may have another.
#[tokio::test]
async fn a_flood_leaves_room_for_others() {
    let world = World::new().await;
    for number in 0..20 {
        world.enqueue("acme", &number.to_string()).await;
    }
    let (worker, seen) = world.worker();
    let signals = [(); 3].map(|()| Arc::new(Semaphore::new(0)));
    let [began, ran, ends] = signals.clone();
    let worker = worker
        .with_concurrency(2)
        .with_job(note(), move |tenant, _: ReceivedJob<String>| {
            let [began, ran, ends] = signals.clone();
            async move {
                if tenant.id().as_str() == "globex" {
                    ran.add_permits(1);
                } else {
                    began.add_permits(1);
                    drop(ends.acquire().await?);
                }
                anyhow::Ok(())
            }
        })
        .build();
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let running = tokio::spawn(async move { worker.run_until(stopped.notified()).await });
    within(began.acquire()).await.unwrap().forget();
    for number in ["1", "2"] {
        world.enqueue("globex", number).await;
        within(ran.acquire()).await.unwrap().forget();
    }
    stop.notify_one();
    ends.add_permits(1);
    within(running).await.unwrap();
    assert_eq!(lines(&seen).iter().filter(|line| *line == "globex done").count(), 2);
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.unwrap()
}

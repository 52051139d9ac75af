//! What happens around the workers: backends are killed, and one runtime stands still now and then.

use std::sync::Arc;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::PgConnection;

use super::worker::Worker;
use super::world::World;
use crate::Failure;
use crate::random::Random;

/// Ends one of the application's backends every now and then. It keeps on where its own connection is ended.
pub(super) async fn kill_backends(world: Arc<World>, mut random: Random, until: Instant) {
    let mut superuser: Option<PgConnection> = None;
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50 + random.below(900))).await;
        let Some(connection) = &mut superuser else {
            superuser = world.site.superuser().await.ok();
            continue;
        };
        let kill = "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity
            where usename = $1 order by random() limit 1) as ended";
        let killed = sqlx::query_scalar(kill)
            .bind(world.site.application_role())
            .fetch_one(connection)
            .await;
        let killed: Result<i64, _> = killed;
        match killed {
            Ok(killed) => world
                .part
                .add("backends killed", u64::try_from(killed).unwrap_or_default()),
            Err(_) => superuser = None,
        }
    }
}

/// One runtime after the other, each of which ends while its workers are in the midst of their transactions. What they
/// leave in the shared pools was made on a runtime that is gone.
pub(super) fn work_on_runtimes_that_end(
    world: Arc<World>,
    mut random: Random,
    until: Instant,
) -> JoinHandle<Result<(), Failure>> {
    spawn(move || {
        while Instant::now() < until {
            sleep(Duration::from_millis(random.below(2000)));
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?;
            for _ in 0..=random.below(3) {
                let (world, random) = (Arc::clone(&world), random.fork());
                let is_hostile = true;
                runtime.spawn(
                    Worker {
                        world,
                        random,
                        is_hostile,
                    }
                    .work(until),
                );
            }
            sleep(Duration::from_millis(20 + random.below(500)));
            if random.once_in(2) {
                runtime.shutdown_background();
            } else {
                drop(runtime);
            }
            world.part.add("runtimes that ended in the midst of transactions", 1);
        }
        Ok(())
    })
}

/// Workers on a runtime of their own, of one thread, that stands still now and then with all that is on it. It ends
/// when `is_over` says so: connections that were made on it are in the shared pools until then.
pub(super) fn work_on_a_runtime_that_stalls(
    world: Arc<World>,
    workers: Vec<Worker>,
    mut random: Random,
    until: Instant,
    is_over: tokio::sync::oneshot::Receiver<()>,
) -> JoinHandle<Result<(), Failure>> {
    spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let work = join_all(workers.into_iter().map(|worker| worker.work(until)));
            let stall = async {
                while Instant::now() < until {
                    tokio::time::sleep(Duration::from_millis(100 + random.below(1500))).await;
                    sleep(Duration::from_millis(random.below(250)));
                    world.part.add("times that a runtime stood still", 1);
                }
            };
            futures_util::future::join(work, stall).await;
            drop(world);
            // Ends with an error where the other side is gone, which is the same.
            let _ = is_over.await;
        });
        Ok(())
    })
}

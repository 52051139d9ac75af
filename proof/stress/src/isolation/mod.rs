//! Tenants of all strategies on one server, under everything that a handler and its surroundings can do to them.

mod disturb;
mod hostile;
mod settle;
mod tenants;
mod worker;
mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;

use crate::Failure;
use crate::logged;
use crate::random::Random;
use crate::report::Part;
use crate::site::Site;

pub(crate) use settle::settle;
pub(crate) use worker::{ASKED_FOR, Worker};
pub(crate) use world::{World, text_of};

/// How long a round takes before everything is checked, and begins anew with other numbers of workers.
const ROUND: Duration = Duration::from_secs(20);

const TENANTS_OF_EACH: usize = 5;

/// Runs rounds for a time, directly or through PgBouncer.
pub(crate) async fn run(
    server: PgConnectOptions,
    pooler: Option<u16>,
    part: &Part,
    mut random: Random,
    time: Duration,
) -> Result<(), Failure> {
    let direct = Site::create(server, "stress_isolation").await?;
    let site = pooler.map_or_else(|| direct.clone(), |port| direct.through_pooler(port));
    part.add("kinds of hostile statements", hostile::kinds());
    let outcome = rounds(&site, part, &mut random, time).await;
    logged::count(part);
    for what in [
        "transactions",
        "commits acknowledged",
        "futures dropped",
        "hostile statements",
        "rows looked at",
    ] {
        part.require(what);
    }
    outcome.and(direct.remove().await)
}

async fn rounds(site: &Site, part: &Part, random: &mut Random, time: Duration) -> Result<(), Failure> {
    let mut left = time;
    while !left.is_zero() {
        let world = World::open(site.clone(), TENANTS_OF_EACH, part.clone()).await?;
        let time = left.min(ROUND);
        round(&world, random, time).await?;
        part.add("rounds", 1);
        part.add("seconds", time.as_secs());
        left -= time;
    }
    Ok(())
}

async fn round(world: &Arc<World>, random: &mut Random, time: Duration) -> Result<(), Failure> {
    let until = Instant::now() + time;
    let worker = |random: &mut Random| Worker {
        world: Arc::clone(world),
        random: random.fork(),
        is_hostile: true,
    };
    let (end, is_over) = tokio::sync::oneshot::channel();
    let apart: Vec<Worker> = (0..=random.below(4)).map(|_| worker(random)).collect();
    let stalling = disturb::work_on_a_runtime_that_stalls(Arc::clone(world), apart, random.fork(), until, is_over);
    let ending = disturb::work_on_runtimes_that_end(Arc::clone(world), random.fork(), until);
    let killer = tokio::spawn(disturb::kill_backends(Arc::clone(world), random.fork(), until));
    let workers = (0..4 + random.below(8)).map(|_| tokio::spawn(worker(random).work(until)));
    for ended in join_all(workers).await {
        ended?;
    }
    killer.await?;
    join(ending).await?;
    let settled = settle(world).await;
    // This fails if the thread has ended already, which `join` reports.
    let _ = end.send(());
    join(stalling).await?;
    settled
}

async fn join(thread: std::thread::JoinHandle<Result<(), Failure>>) -> Result<(), Failure> {
    let joined = tokio::task::spawn_blocking(move || thread.join()).await?;
    joined.map_err(|_| "a runtime's thread has panicked")?
}

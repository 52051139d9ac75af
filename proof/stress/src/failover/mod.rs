//! A hot standby that is promoted under load, after the primary was killed.

mod cluster;
mod forward;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tenancy_core::directory::{Change, ChangeFeed as _, TenantStatus};
use tenancy_sqlx::{NewTenant, PgChanges, PgDirectory};
use tokio::task::JoinHandle;

use crate::Failure;
use crate::isolation::{Worker, World, settle};
use crate::random::Random;
use crate::report::Part;
use crate::site::Site;

pub(crate) use cluster::Programs;
use cluster::Server;
use forward::Forwarder;

const TENANTS_OF_EACH: usize = 3;
const WORKERS: u64 = 6;

/// How long anything may take to be as before, on the new primary.
const TIMEOUT: Duration = Duration::from_secs(60);

const NOT_SERVED: &str = "strategies that did not serve again";
const NOT_TOLD: &str = "feeds that did not tell of everything";
const FORGOTTEN: &str = "acknowledged changes of the directory lost";

/// Fails over again and again for a time, and once at least.
pub(crate) async fn run(programs: &Programs, part: &Part, mut random: Random, time: Duration) -> Result<(), Failure> {
    for invariant in [NOT_SERVED, NOT_TOLD, FORGOTTEN] {
        part.invariant(invariant);
    }
    let until = Instant::now() + time;
    loop {
        let load = Duration::from_millis(2000 + random.below(3000)).min(time / 2);
        fail_over(programs, part, &mut random, load).await?;
        part.add("failovers", 1);
        if Instant::now() >= until {
            break;
        }
    }
    part.require("commits acknowledged");
    part.require("transactions that failed: its connection broke");
    Ok(())
}

/// Load, the primary's end, the standby's promotion, and as much load again.
async fn fail_over(programs: &Programs, part: &Part, random: &mut Random, load: Duration) -> Result<(), Failure> {
    let mut primary = Server::primary(programs).await?;
    let site = Site::create(primary.superuser(), "stress_failover").await?;
    let standby = primary.standby(programs).await?;
    let forwarder = Forwarder::start(primary.port()).await?;
    let site = site.through_forwarder(forwarder.port());
    let world = World::open(site.clone(), TENANTS_OF_EACH, part.clone()).await?;
    let directory = PgDirectory::open(site.administrator()).await?;
    let feed = tokio::spawn(wait_for_everything(PgChanges::connect(site.administrator()).await?));

    let workers = start_workers(&world, random, Instant::now() + load * 2);
    let switch_at = Instant::now() + load;
    let acknowledged = change_directory(&directory, switch_at).await?;
    // No client receives what the primary acknowledges from here on.
    forwarder.cut();
    primary.kill();
    standby.promote().await?;
    forwarder.switch(standby.port());
    each_strategy_serves(&world, part).await;
    match tokio::time::timeout(TIMEOUT, feed).await {
        Ok(told) => told.map(|()| part.add("feeds that told of everything", 1))?,
        Err(_) => part.broken(NOT_TOLD, "none came"),
    }
    for worker in join_all(workers).await {
        worker?;
    }
    for id in &acknowledged {
        part.add("acknowledged changes of the directory", 1);
        if directory.find_by_id(&id.parse()?).await?.is_none() {
            part.broken(FORGOTTEN, id);
        }
    }
    directory.close().await;
    settle(&world).await
}

fn start_workers(world: &Arc<World>, random: &mut Random, until: Instant) -> Vec<JoinHandle<()>> {
    let worker = |_| {
        let (world, random) = (Arc::clone(world), random.fork());
        let is_hostile = false;
        tokio::spawn(
            Worker {
                world,
                random,
                is_hostile,
            }
            .work(until),
        )
    };
    (0..WORKERS).map(worker).collect()
}

/// Puts tenants into the directory until a time. Returns the ids whose upsert was acknowledged.
async fn change_directory(directory: &PgDirectory, until: Instant) -> Result<Vec<String>, Failure> {
    let mut acknowledged = Vec::new();
    while Instant::now() < until {
        let id = format!("made-{}", acknowledged.len());
        let tenant = NewTenant::new(id.parse()?, "row".parse()?).with_status(TenantStatus::Active);
        directory.upsert(&tenant).await?;
        acknowledged.push(id);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(acknowledged)
}

/// Without a restart of this process.
async fn each_strategy_serves(world: &World, part: &Part) {
    for tenant in &world.tenants {
        let started = Instant::now();
        loop {
            let served = async {
                let mut tx = world.db.begin_read(&tenant.admitted).await?;
                world.look(&mut tx, tenant).await?;
                Ok::<(), Failure>(())
            };
            match served.await {
                Ok(()) => {
                    part.add("tenants that were served again", 1);
                    break;
                }
                Err(error) if started.elapsed() > TIMEOUT => {
                    part.broken(NOT_SERVED, format_args!("{}: {error:?}", tenant.id()));
                    break;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// Errors while there is no server are passed over, as `tenancy_http::follow` does.
async fn wait_for_everything(mut feed: PgChanges) {
    loop {
        match feed.next().await {
            Ok(Some(Change::Everything)) => return,
            Ok(_) => {}
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

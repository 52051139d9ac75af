//! What must be true after the workers have ended.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tenancy_core::names::Subject;
use tenancy_sqlx::testing::Unrecorded;

use super::tenants::{Fate, Tenant};
use super::world::{FOREIGN, HUNG, World, text_of};
use crate::Failure;
use crate::logged::MARK;
use crate::site::{OWN_CONNECTIONS, SHARED_CONNECTIONS};

const OPEN: &str = "transactions left open at the end";
const PLACES: &str = "places that did not come back to their pool";
const LOST: &str = "acknowledged rows lost";
const TWICE: &str = "rows that are there twice";
const UNDONE: &str = "rows that are there though they were rolled back";

/// A connection may take 30 seconds to come back, and is closed after that.
const TIMEOUT: Duration = Duration::from_secs(75);

/// Checks the world, and empties it.
pub(crate) async fn settle(world: &World) -> Result<(), Failure> {
    for invariant in [OPEN, PLACES, LOST, TWICE, UNDONE] {
        world.part.invariant(invariant);
    }
    wait_until_idle(world).await?;
    take_all_places(world).await;
    for tenant in &world.tenants {
        let rows = rows_of(world, tenant).await?;
        judge(world, tenant, &rows);
    }
    across_tenants(world).await?;
    for tenant in &world.tenants {
        let mut tx = world.db.begin(&tenant.admitted).await?;
        sqlx::query("delete from notes").execute(&mut *tx).await?;
        tx.commit().await?;
    }
    if tokio::time::timeout(TIMEOUT, world.db.close()).await.is_err() {
        world.part.broken(HUNG, "the pools do not close");
    }
    Ok(())
}

/// No session of the application has a transaction open, sooner or later.
async fn wait_until_idle(world: &World) -> Result<(), Failure> {
    let mut superuser = world.site.superuser().await?;
    let started = Instant::now();
    loop {
        let busy = "select string_agg(state || ': ' || left(query, 200), '; ') from pg_stat_activity
            where usename = $1 and state <> 'idle'";
        let busy: Option<String> = sqlx::query_scalar(busy)
            .bind(world.site.application_role())
            .fetch_one(&mut superuser)
            .await?;
        match busy {
            None => return Ok(()),
            Some(busy) if started.elapsed() > TIMEOUT => {
                world.part.broken(OPEN, busy);
                return Ok(());
            }
            Some(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Each pool lends as many connections at a time as it may.
async fn take_all_places(world: &World) {
    let shared = SHARED_CONNECTIONS;
    for (strategy, places, of_each) in [
        ("row", shared, shared),
        ("schema", shared, shared),
        ("database", OWN_CONNECTIONS, 2),
    ] {
        // Behind a pooler a transaction waits for another's connection to the server, so none is held there.
        if world.site.is_pooled() {
            continue;
        }
        let tenants = world.tenants.iter().filter(|tenant| tenant.strategy == strategy);
        let tenants = tenants
            .flat_map(|tenant| std::iter::repeat_n(tenant, of_each))
            .take(places);
        let begun = join_all(tenants.map(|tenant| world.db.begin(&tenant.admitted))).await;
        world.part.add("places taken at the end", begun.len() as u64);
        for error in begun.iter().filter_map(|begun| begun.as_ref().err()) {
            world
                .part
                .broken(PLACES, format_args!("{strategy}: {}", text_of(error)));
        }
    }
}

/// How often each row is there, by its number.
async fn rows_of(world: &World, tenant: &Tenant) -> Result<BTreeMap<i64, u64>, Failure> {
    let mut tx = world.db.begin_read(&tenant.admitted).await?;
    let rows: Vec<(i64, String)> = sqlx::query_as("select number, mark from notes")
        .fetch_all(&mut *tx)
        .await?;
    tx.commit().await?;
    world.part.add("rows looked at", rows.len() as u64);
    let mut numbers = BTreeMap::new();
    for (number, mark) in rows {
        if mark != *tenant.mark {
            world
                .part
                .broken(FOREIGN, format_args!("{} has a row of {mark}", tenant.id()));
        }
        *numbers.entry(number).or_default() += 1;
    }
    Ok(numbers)
}

fn judge(world: &World, tenant: &Tenant, rows: &BTreeMap<i64, u64>) {
    let fates = tenant.take_fates();
    for (number, fate) in &fates {
        let times = rows.get(number).copied().unwrap_or_default();
        match (fate, times) {
            (Fate::Committed, 0) => world.part.broken(LOST, format_args!("{} of {}", number, tenant.id())),
            (Fate::Undone, 1..) => world.part.broken(UNDONE, format_args!("{} of {}", number, tenant.id())),
            (Fate::Committed, _) => world.part.add("acknowledged rows that are there", 1),
            (Fate::Unknown, 0) => world.part.add("unconfirmed rows that are not there", 1),
            (Fate::Unknown, _) => world.part.add("unconfirmed rows that are there", 1),
            (Fate::Undone, 0) => world.part.add("rows rolled back, and not there", 1),
        }
        if times > 1 {
            world
                .part
                .broken(TWICE, format_args!("{} of {}: {times} times", number, tenant.id()));
        }
    }
    for number in rows.keys().filter(|number| !fates.contains_key(number)) {
        world
            .part
            .broken(UNDONE, format_args!("{number} of {}, which nobody wrote", tenant.id()));
    }
}

/// The shared table as the administrator sees it: each row carries the tenant that it belongs to.
async fn across_tenants(world: &World) -> Result<(), Failure> {
    let mut tx = {
        let (who, why) = (Subject::from_static("stress"), "to look for rows of others".parse()?);
        world.db.dangerously_begin_across_tenants(&Unrecorded, who, why).await?
    };
    let sql = "select count(*) from notes where mark <> concat($1, tenant_id, ':')";
    let foreign: i64 = sqlx::query_scalar(sql).bind(MARK).fetch_one(&mut *tx).await?;
    if foreign > 0 {
        world.part.broken(
            FOREIGN,
            format_args!("{foreign} rows of the shared table are under another tenant"),
        );
    }
    Ok(tx.commit().await?)
}

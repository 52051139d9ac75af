//! Whether a tenant that may not go on is felt by another one.

use std::cell::{Cell, RefCell};
use std::env;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sqlx::{ConnectOptions, Connection, Postgres};
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::TenantDb;
use tokio::task::{JoinSet, LocalSet};

use super::postgres::{AT_ONCE, BY_KEY, Database, execute};
use super::{member, member_of};
use crate::measure::runtime;
use crate::{Group, Row};

/// How many callers of the closed tenant there are, and how long each waits before it tries again.
const CALLERS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

const ALONE: &str = "another tenant's read, 99th percentile";

/// Empty where `DATABASE_URL` names no server.
pub(crate) fn group() -> Group {
    let Ok(url) = env::var("DATABASE_URL") else {
        return Group::default();
    };
    let database = Rc::new(Database::fenced(&url));
    let beside = format!("the same, beside {CALLERS} callers of a closed tenant");
    // A percentile of a few hundred reads.
    Group::default()
        .with_longer_turns(40)
        .row(slow_reads(&database, ALONE, 0))
        .row(slow_reads(&database, &beside, CALLERS))
        .against([ALONE], 1.2)
}

/// A row whose time is that of the slowest hundredth, and not of the median.
fn slow_reads(database: &Rc<Database>, name: &str, callers: u32) -> Row {
    let database = Rc::clone(database);
    let runtime = runtime();
    let db = runtime.block_on(async {
        let db = database.tenants("row").await;
        let mut administrator = database.administrator().connect().await.unwrap();
        let close = "insert into tenancy_fence.tenancy_places (tenant, epoch, revision, state)
            values ('t2', 0, 1, 'closed') on conflict do nothing";
        execute(&mut administrator, close.to_owned()).await;
        administrator.close().await.unwrap();
        db
    });
    Row::timed(name, move |times| {
        // It is gone with the last row.
        let _database = &database;
        let took = runtime.block_on(LocalSet::new().run_until(reads_beside(&db, callers, times)));
        slowest_hundredth(took) * u32::try_from(times).unwrap()
    })
}

/// Reads so often, some at a time, and how long each took.
async fn reads_beside(db: &TenantDb<Postgres>, callers: u32, times: u64) -> Vec<Duration> {
    let is_over = Rc::new(Cell::new(false));
    let mut refused = JoinSet::new();
    for caller in 0..callers {
        let (db, is_over) = (db.clone(), Rc::clone(&is_over));
        refused.spawn_local(async move {
            let closed = member_of(TenantRecord::new("t2".parse().unwrap(), "row".parse().unwrap()));
            tokio::time::sleep(PAUSE * caller / CALLERS).await;
            while !is_over.get() {
                assert!(db.begin_read(&closed).await.is_err(), "it is closed");
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    let left = Rc::new(Cell::new(times));
    let took = Rc::new(RefCell::new(Vec::new()));
    let mut reads = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (db, left, took) = (db.clone(), Rc::clone(&left), Rc::clone(&took));
        reads.spawn_local(async move {
            let open = member("row");
            while let Some(fewer) = left.get().checked_sub(1) {
                left.set(fewer);
                let begun = Instant::now();
                read(&db, &open).await;
                took.borrow_mut().push(begun.elapsed());
            }
        });
    }
    reads.join_all().await;
    is_over.set(true);
    refused.join_all().await;
    took.take()
}

async fn read(db: &TenantDb<Postgres>, tenant: &Admitted) {
    let mut tx = db.begin_read(tenant).await.unwrap();
    sqlx::query(BY_KEY).fetch_one(&mut *tx).await.unwrap();
}

fn slowest_hundredth(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    // Nothing is run to see that the row is there.
    took.get(took.len() * 99 / 100).copied().unwrap_or_default()
}

//! Whether a tenant that may not go on is felt by another one.

use std::env;
use std::rc::Rc;
use std::time::Duration;

use sqlx::{ConnectOptions, Connection, Postgres};
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::TenantDb;

use super::beside::{Calls, IsOver, slowest_beside};
use super::postgres::{BY_KEY, Database, execute};
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
    let waiting = format!("the same, beside {CALLERS} tasks that only wait as long");
    // A percentile of a few hundred reads.
    Group::default()
        .with_longer_turns(40)
        .row(slow_reads(&database, ALONE, 0, Calls::Made))
        .row(slow_reads(&database, &waiting, CALLERS, Calls::Nothing))
        .against([ALONE], None)
        .row(slow_reads(&database, &beside, CALLERS, Calls::Made))
        .against([&*waiting], 1.2)
}

/// A row whose time is that of the slowest hundredth, and not of the median.
fn slow_reads(database: &Rc<Database>, name: &str, callers: u32, calls: Calls) -> Row {
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
        let (reader, db) = (db.clone(), db.clone());
        let read = async move || read(&reader, &member("row")).await;
        let refused = async move |number, is_over| call(&db, calls, number, is_over).await;
        runtime.block_on(slowest_beside(times, read, callers, refused))
    })
}

async fn call(db: &TenantDb<Postgres>, calls: Calls, number: u32, is_over: IsOver) {
    let closed = member_of(TenantRecord::new("t2".parse().unwrap(), "row".parse().unwrap()));
    tokio::time::sleep(PAUSE * number / CALLERS).await;
    calls.wait(PAUSE, &is_over).await;
    while !is_over.get() {
        assert!(db.begin_read(&closed).await.is_err(), "it is closed");
        tokio::time::sleep(PAUSE).await;
    }
}

pub(super) async fn read(db: &TenantDb<Postgres>, tenant: &Admitted) {
    let mut tx = db.begin_read(tenant).await.unwrap();
    sqlx::query(BY_KEY).fetch_one(&mut *tx).await.unwrap();
}

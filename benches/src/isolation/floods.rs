//! Whether one tenant's flood is felt by another: of transactions, and of requests.

use std::convert::Infallible;
use std::env;
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use sqlx::Postgres;
use tenancy_core::context;
use tenancy_core::directory::{MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::Enforcer;
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_http::{ClaimsFromExtension, Limits, Tenancy, TenantLimiter};
use tenancy_sqlx::{PoolSettings, TenantDb};
use tower::{Layer, ServiceExt, service_fn};

use super::beside::{Calls, IsOver, slowest_beside};
use super::neighbours::read;
use super::postgres::Database;
use super::{member, member_of};
use crate::fixture::{HEADER, chain, header};
use crate::measure::runtime;
use crate::{Group, Row};

/// How many callers the flood has, and how long each holds a transaction, as a slow handler does.
const CALLERS: u32 = 50;
const HOLD: Duration = Duration::from_millis(20);

/// Of ten connections, and of the requests that a tenant may have under way.
const CONNECTIONS: usize = 10;
const SHARE: usize = 5;

const READ_ALONE: &str = "another tenant's read, 99th percentile";
const REQUEST_ALONE: &str = "another tenant's request, 99th percentile";

/// Empty where `DATABASE_URL` names no server.
pub(crate) fn group() -> Group {
    let Ok(url) = env::var("DATABASE_URL") else {
        return Group::default();
    };
    let database = Rc::new(Database::new(&url, "_floods"));
    let shared = PoolSettings::new().with_max_transactions_per_tenant(SHARE);
    let open = PoolSettings::new();
    let flood = |what: &str| format!("the same, beside {CALLERS} callers of one tenant, {what}");
    let read_waiting = format!("the same, beside {CALLERS} tasks that only wait");
    let request_waiting = format!("the request, beside {CALLERS} tasks that only wait");
    let limited = Limits::none().with_under_way(u32::try_from(SHARE).unwrap());
    // A percentile of a few hundred reads. The rows without a bound show that there is a flood.
    Group::default()
        .with_longer_turns(40)
        .row(reads(&database, READ_ALONE, shared, 0, Calls::Made))
        .row(reads(&database, &read_waiting, shared, CALLERS, Calls::Nothing))
        .against([READ_ALONE], None)
        .row(reads(
            &database,
            &flood("each tenant with a share"),
            shared,
            CALLERS,
            Calls::Made,
        ))
        .against([&*read_waiting], 1.2)
        .row(reads(&database, &flood("without shares"), open, CALLERS, Calls::Made))
        .against([&*read_waiting], None)
        .row(requests(&database, REQUEST_ALONE, limited, 0, Calls::Made))
        .row(requests(&database, &request_waiting, limited, CALLERS, Calls::Nothing))
        .against([REQUEST_ALONE], None)
        .row(requests(
            &database,
            &flood("each tenant with a limit"),
            limited,
            CALLERS,
            Calls::Made,
        ))
        .against([&*request_waiting], 1.2)
        .row(requests(
            &database,
            &flood("without limits"),
            Limits::none(),
            CALLERS,
            Calls::Made,
        ))
        .against([&*request_waiting], None)
}

fn reads(database: &Rc<Database>, name: &str, pool: PoolSettings, callers: u32, calls: Calls) -> Row {
    let (database, runtime) = (Rc::clone(database), runtime());
    let db = runtime.block_on(database.rows_in(pool.with_max_connections(CONNECTIONS)));
    Row::timed(name, move |times| {
        // It is gone with the last row.
        let _database = &database;
        let (db, flooded) = (db.clone(), db.clone());
        let read = async move || read(&db, &member("row")).await;
        let hold = async move |_, is_over| {
            calls.wait(HOLD, &is_over).await;
            hold_until(&flooded, is_over).await;
        };
        runtime.block_on(slowest_beside(times, read, callers, hold))
    })
}

async fn hold_until(db: &TenantDb<Postgres>, is_over: IsOver) {
    let flooding = member_of(record("t2"));
    while !is_over.get() {
        // It may wait in vain.
        if let Ok(tx) = db.begin_read(&flooding).await {
            tokio::time::sleep(HOLD).await;
            drop(tx);
        }
    }
}

fn requests(database: &Rc<Database>, name: &str, limits: Limits, callers: u32, calls: Calls) -> Row {
    let (database, runtime) = (Rc::clone(database), runtime());
    let db = runtime.block_on(database.rows_in(PoolSettings::new().with_max_connections(CONNECTIONS)));
    let service = tenancy(limits).scoped().layer(service_fn(move |_: Request<String>| {
        let db = db.clone();
        async move { Ok::<_, Infallible>(handle(&db).await) }
    }));
    let send = async move |tenant: &str| {
        let mut request = Request::get("/notes")
            .header(HEADER, tenant)
            .body(String::new())
            .unwrap();
        let claims = Claims::new("alice".parse().unwrap());
        let claims = claims.with_tenant(TenantKey::Id(tenant.parse().unwrap()));
        request.extensions_mut().insert(claims);
        // The body is dropped, and with it what counts the request.
        service.clone().oneshot(request).await.unwrap().status()
    };
    Row::timed(name, move |times| {
        let _database = &database;
        let (one, flooding) = (send.clone(), send.clone());
        let request = async move || assert_eq!(one("t1").await, StatusCode::OK);
        let flood = async move |_, is_over: IsOver| {
            calls.wait(HOLD, &is_over).await;
            while !is_over.get() {
                if flooding("t2").await != StatusCode::OK {
                    // As a client that tries again at once.
                    tokio::time::sleep(HOLD).await;
                }
            }
        };
        runtime.block_on(slowest_beside(times, request, callers, flood))
    })
}

/// Reads, and holds the transaction for the tenant whose handler is slow.
async fn handle(db: &TenantDb<Postgres>) -> Response<String> {
    let admitted = context::current().unwrap();
    if admitted.id().as_str() == "t1" {
        read(db, &admitted).await;
    } else if let Ok(tx) = db.begin_read(&admitted).await {
        tokio::time::sleep(HOLD).await;
        drop(tx);
    }
    Response::new("notes".to_owned())
}

fn tenancy(limits: Limits) -> Tenancy {
    let directory = MemoryDirectory::new(["t1", "t2"].map(|id| MemoryEntry::new(record(id)))).unwrap();
    let enforcer = Enforcer::new(chain([header()]));
    let builder = Tenancy::builder(enforcer, ClaimsFromExtension::<Claims>::new(), directory);
    builder.with_limits(TenantLimiter::new(limits)).build()
}

fn record(id: &str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())
}

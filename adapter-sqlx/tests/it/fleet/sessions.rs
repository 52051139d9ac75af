//! Tenants are migrated one after the other on one connection: nothing of one tenant's migration reaches the next.

use std::num::NonZeroUsize;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use tenancy_sqlx::fleet::{Fleet, FleetOptions, Stop};

use super::support::{Schemas, create, execute, impatient, max_failures, run};
use crate::postgres::support::server::migrations;

/// Where a tenant says what it found in the session.
const FIRST: &str = "create table seen (process int, left_over text)";

/// What the session has that no tenant's migration may find there. The lock of the tenant itself is one.
const LOOK: &str = "insert into seen select pg_backend_pid(), concat_ws(', ',
    (select 'setting' where coalesce(current_setting('app.left_over', true), '') <> ''),
    (select 'work_mem' where current_setting('work_mem') = '123kB'),
    (select 'path' where current_setting('search_path') !~ '^\"?tenant_'),
    (select 'temporary table' where to_regclass('pg_temp.left_over') is not null),
    (select 'lock' from pg_locks where pid = pg_backend_pid() and locktype = 'advisory' and objsubid = 1
        and (classid::int8 << 32 | objid::int8) = 4711),
    (select 'role' where current_user <> session_user),
    (select 'cursor' from pg_cursors where name = 'left_over'),
    (select 'statement' from pg_prepared_statements where name = 'left_over'),
    (select 'channel' from pg_listening_channels()),
    (select 'sequence' from pg_class where relname = 'left_over_of_all' and relkind = 'S'))";

/// What happens to the tenant that leaves it, and to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The next tenant has it, cleaned.
    Reused,
    /// The next tenant has another one.
    Closed,
    /// The tenant's migration failed, and the next tenant has another one.
    Failed,
}

const LEFT: [(&str, Then); 14] = [
    ("alter table seen add column plain text", Then::Reused),
    ("set app.left_over = 'of the first tenant'", Then::Reused),
    ("set work_mem = '123kB'", Then::Reused),
    ("create temporary table left_over (id int)", Then::Reused),
    ("create temporary table seen (nothing int)", Then::Reused),
    ("select pg_advisory_lock(4711)", Then::Reused),
    ("declare left_over cursor with hold for select 1", Then::Reused),
    ("listen left_over", Then::Reused),
    ("prepare left_over as select 1", Then::Closed),
    (
        "-- no-transaction\ncreate index concurrently on seen (process)",
        Then::Closed,
    ),
    ("set role APP", Then::Failed),
    ("set search_path = pg_catalog", Then::Failed),
    ("select 1/0", Then::Failed),
    ("alter table nothing add column plain text", Then::Failed),
];

#[tokio::test]
async fn nothing_of_one_tenant_reaches_the_next() {
    for (left, then) in LEFT {
        let schemas = Schemas::new(0, 0).await;
        // So that the administrator may take the role of the application, as one that has made it may.
        let sql = schemas.database.named("grant APP to ADMIN");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut schemas.database.superuser().await)
            .await
            .unwrap();
        let old = schemas.with_migrations(migrations(&[FIRST])).await;
        create(&schemas.directory, &old, "schema", &["t000", "t001", "t002"]).await;
        let left = Box::leak(schemas.database.named(left).into_boxed_str());
        let db = schemas.with_migrations(migrations(&[FIRST, LOOK, left])).await;
        let fleet = Fleet::new(schemas.directory.clone(), &db).unwrap();
        let options = FleetOptions::new()
            .with_jobs(NonZeroUsize::MIN)
            .with_max_failures(max_failures(10));
        let report = run(&fleet, &options).await;
        let failed = if then == Then::Failed { 3 } else { 0 };
        assert_eq!(report.failed, failed, "{left}: {:?}", report.failures);
        let mut processes = Vec::new();
        for tenant in ["t000", "t001", "t002"] {
            let sql = format!("select process, left_over from tenant_{tenant}.seen");
            let (process, left_over): (i32, String) = sqlx::query_as(AssertSqlSafe(sql))
                .fetch_one(&mut schemas.connect().await)
                .await
                .unwrap();
            assert_eq!(left_over, "", "`{left}` reached {tenant}");
            processes.push(process);
        }
        processes.dedup();
        let expected = if then == Then::Reused { 1 } else { 3 };
        assert_eq!(processes.len(), expected, "{left}: {processes:?}");
    }
}

/// A run whose future is dropped in the middle of a migration closes the connection: its lock is free, and nothing was done.
#[tokio::test]
async fn a_migration_that_is_dropped_leaves_no_connection_behind() {
    let schemas = Schemas::new(2, 2).await;
    let mut holder = schemas.connect().await;
    execute(&mut holder, "begin; lock table tenant_t000.drafts in access share mode").await;
    let fleet = schemas.fleet(3).await;
    let options = impatient().with_lock_timeout(Duration::from_secs(30), 2.try_into().unwrap());
    let mut waits = schemas.connect().await;
    let waiting = async {
        let sql =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        loop {
            let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut waits).await.unwrap();
            if count > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        report = run(&fleet, &options) => panic!("{report:?}"),
        () = waiting => {}
    }
    execute(&mut holder, "rollback").await;
    // Its statement ends by itself, and is undone. The lock of the tenant is free then.
    let report = schemas
        .fleet(3)
        .await
        .join(&options, &Stop::new(), |_| {})
        .await
        .unwrap();
    assert_eq!(report.failed, 0, "{report:?}");
    assert!(report.is_complete(), "{report:?}");
    schemas.each_has(&[1, 2, 3]).await;
}

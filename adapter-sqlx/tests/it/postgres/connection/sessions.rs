//! Connections that stay warm between two transactions.

use std::time::{Duration, Instant};

use sqlx::{Connection, Postgres};
use tenancy_sqlx::{PoolSettings, StrategyRegistry, TenantDb, TransactionError};

use crate::polling::at_last;
use crate::postgres::support::server::{TestDatabase, bodies_of, seed, tenant};

/// Longer than anything here takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

async fn open(database: &TestDatabase, max: usize, wait: Duration) -> TenantDb<Postgres> {
    let strategy = database
        .row()
        .with_pool(PoolSettings::new().with_max_connections(max).with_acquire_timeout(wait));
    TenantDb::new(StrategyRegistry::new().with(strategy.open().await.unwrap()).unwrap())
}

/// Until nobody of the application's role is in a transaction.
pub(crate) async fn is_over_soon(database: &TestDatabase) {
    // What another role's sessions do is hidden from an ordinary one.
    let mut connection = database.superuser().await;
    let asked = Instant::now();
    loop {
        let sql = "select count(*) from pg_stat_activity where usename = $1 and state like 'idle in transaction%'";
        let open: i64 = sqlx::query_scalar(sql)
            .bind(database.application_role())
            .fetch_one(&mut connection)
            .await
            .unwrap();
        if open == 0 {
            break;
        }
        assert!(asked.elapsed() < TIMEOUT, "{open} transactions are left open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_read_that_is_dropped_is_not_left_open() {
    let database = TestDatabase::new().await;
    let db = open(&database, 2, TIMEOUT).await;
    seed(&db, &["acme"]).await;
    for _ in 0..5 {
        assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
        is_over_soon(&database).await;
    }
}

/// The rows that it has locked are free again, though nobody begins another transaction.
#[tokio::test]
async fn a_write_that_is_dropped_is_undone_at_once() {
    let database = TestDatabase::new().await;
    let db = open(&database, 2, TIMEOUT).await;
    seed(&db, &["acme"]).await;
    let mut tx = db.begin(&tenant("acme")).await.unwrap();
    sqlx::query("update notes set body = 'x'")
        .execute(&mut *tx)
        .await
        .unwrap();
    drop(tx);
    is_over_soon(&database).await;
    assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
}

/// It runs on for a minute, on a connection that nobody has.
async fn drop_a_running_query(db: &TenantDb<Postgres>) {
    let mut tx = at_last(|| async { db.begin_read(&tenant("acme")).await }).await;
    let sleep = sqlx::query("select pg_sleep(60)").execute(&mut *tx);
    assert!(tokio::time::timeout(Duration::from_millis(100), sleep).await.is_err());
}

/// A future that is dropped does not end its query. Nobody waits for it.
#[tokio::test]
async fn a_query_that_still_runs_holds_up_nobody_else() {
    let database = TestDatabase::new().await;
    let db = open(&database, 2, TIMEOUT).await;
    seed(&db, &["acme"]).await;
    drop_a_running_query(&db).await;
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
    }
    assert!(begun.elapsed() < TIMEOUT, "{:?}", begun.elapsed());
}

/// Without another connection the wait has an end.
#[tokio::test]
async fn to_begin_takes_no_longer_than_is_allowed() {
    let database = TestDatabase::new().await;
    seed(&open(&database, 1, TIMEOUT).await, &["acme"]).await;
    let db = open(&database, 1, Duration::from_secs(1)).await;
    drop_a_running_query(&db).await;
    let begun = Instant::now();
    let error = db.begin_read(&tenant("acme")).await.unwrap_err();
    assert!(matches!(error, TransactionError::Begin { .. }), "{error:?}");
    assert!(begun.elapsed() < TIMEOUT, "{:?}", begun.elapsed());
}

/// What it was prepared with is gone: another takes its place.
#[tokio::test]
async fn a_session_whose_prepared_statements_are_gone_is_replaced() {
    let database = TestDatabase::new().await;
    let db = open(&database, 1, TIMEOUT).await;
    seed(&db, &["acme", "globex"]).await;
    let mut tx = db.begin(&tenant("acme")).await.unwrap();
    sqlx::raw_sql("deallocate all").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(bodies_of(&db, "globex").await, ["of globex"]);
}

/// A caller that waits for the pool gets the next free connection, though others use the warm ones.
#[tokio::test]
async fn nobody_waits_for_ever_while_others_take_turns() {
    let database = TestDatabase::new().await;
    let db = open(&database, 1, TIMEOUT).await;
    seed(&db, &["acme", "globex"]).await;
    let reading = |id: &'static str| {
        let db = db.clone();
        tokio::spawn(async move {
            for _ in 0..200 {
                assert_eq!(bodies_of(&db, id).await, [format!("of {id}")]);
            }
        })
    };
    for task in ["acme", "globex", "acme", "globex"].map(reading) {
        task.await.unwrap();
    }
}

/// After its runtime a database is dropped without a word, with connections that were just used.
#[test]
fn a_database_outlives_its_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (database, db) = runtime.block_on(async {
        let database = TestDatabase::new().await;
        let db = open(&database, 2, TIMEOUT).await;
        seed(&db, &["acme"]).await;
        assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
        (database, db)
    });
    drop(runtime);
    drop(db);
    drop(database);
}

#[tokio::test]
async fn nothing_is_kept_after_the_end() {
    let database = TestDatabase::new().await;
    let db = open(&database, 2, TIMEOUT).await;
    seed(&db, &["acme"]).await;
    let tx = db.begin_read(&tenant("acme")).await.unwrap();
    let closing = {
        let db = db.clone();
        tokio::spawn(async move { db.close().await })
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(tx);
    tokio::time::timeout(TIMEOUT, closing).await.unwrap().unwrap();
    assert!(db.begin_read(&tenant("acme")).await.is_err());
}

//! How many tenants' files are open, and for how long.

use std::time::{Duration, Instant};

use tempfile::tempdir;
use tenancy_sqlx::{PoolSettings, StrategyError, TransactionError};

use crate::common::*;
use crate::polling::at_last;
use crate::sqlite::database::{open, options, provisioned};

#[tokio::test]
async fn no_more_files_are_open_than_the_bound() {
    let dir = tempdir().unwrap();
    let (db, files) = open(options(&dir).with_max_open(2)).await;
    for id in ["a", "b", "c", "d", "a", "c"] {
        let tenant = admitted(id, "database");
        db.provision(tenant.tenant()).await.unwrap();
        bodies(&db, &tenant).await;
        assert!(files.open_databases() <= 2);
    }
    assert_eq!(files.open_databases(), 2);
}

#[tokio::test]
async fn one_in_use_is_not_closed_and_is_waited_for() {
    let dir = tempdir().unwrap();
    let (db, _) = open(options(&dir)).await;
    let (a, b) = (provisioned(&db, "a").await, provisioned(&db, "b").await);
    db.close().await;
    let pool = PoolSettings::new().with_max_connections(1);
    let impatient = pool.with_acquire_timeout(Duration::from_millis(300));
    let (db, files) = open(options(&dir).with_max_open(1).with_pool(impatient)).await;
    let mut tx = at_last(|| async { db.begin(&a).await }).await;
    run(&mut tx, "insert into notes values ('2', 'x')").await.unwrap();
    let refused = db.begin(&b).await;
    let Err(TransactionError::Begin { source, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert!(matches!(source, StrategyError::TooManyInUse { max: 1 }), "{source:?}");
    let waiting = tokio::spawn({
        let (db, b) = (db.clone(), b.clone());
        async move {
            let mut tx = at_last(|| async { db.begin_read(&b).await }).await;
            texts(&mut tx, "select body from notes order by id").await
        }
    });
    tokio::task::yield_now().await;
    tx.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap(), ["of b"]);
    assert_eq!(files.open_databases(), 1);
    let mut tx = at_last(|| async { db.begin_read(&a).await }).await;
    assert_eq!(
        texts(&mut tx, "select body from notes order by id").await,
        ["of a", "x"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tenants_on_few_places_lose_nothing() {
    let dir = tempdir().unwrap();
    let patient = options(&dir)
        .with_max_open(2)
        .with_pool(PoolSettings::new().with_acquire_timeout(Duration::from_secs(20)));
    let (db, files) = open(patient).await;
    for id in 0..5 {
        provisioned(&db, &id.to_string()).await;
    }
    let writers = (0..20).map(|writer| {
        let (db, files) = (db.clone(), files.clone());
        tokio::spawn(async move {
            for n in 0..5 {
                let tenant = admitted(&((writer + n) % 5).to_string(), "database");
                let mut tx = db.begin(&tenant).await.unwrap();
                assert!(files.open_databases() <= 2);
                run(&mut tx, &format!("insert into notes values ('{writer}-{n}', 'x')"))
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    for id in 0..5 {
        assert_eq!(bodies(&db, &admitted(&id.to_string(), "database")).await.len(), 21);
    }
}

#[tokio::test]
async fn an_idle_file_is_closed_and_opens_again() {
    let dir = tempdir().unwrap();
    let (db, files) =
        open(options(&dir).with_pool(PoolSettings::new().with_idle_timeout(Duration::from_millis(20)))).await;
    let a = provisioned(&db, "a").await;
    let held = db.begin(&a).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(files.open_databases(), 1, "closed while in use");
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(10);
    while files.open_databases() > 0 {
        assert!(Instant::now() < deadline, "never closed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(bodies(&db, &a).await, ["of a"]);
}

/// Each test of a service has a runtime of its own, and shares the files. What closes idle ones ends with its runtime, and
/// another takes its place.
#[test]
fn an_idle_file_is_closed_by_another_runtime() {
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap()
    };
    let dir = tempdir().unwrap();
    let options = options(&dir).with_pool(PoolSettings::new().with_idle_timeout(Duration::from_millis(20)));
    let (db, files) = runtime().block_on(open(options));
    let tenant = runtime().block_on(provisioned(&db, "a"));
    assert_eq!(files.open_databases(), 1);
    runtime().block_on(async {
        assert_eq!(bodies(&db, &tenant).await, ["of a"]);
        let asked = Instant::now();
        while files.open_databases() > 0 {
            assert!(asked.elapsed() < Duration::from_secs(20), "it stays open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

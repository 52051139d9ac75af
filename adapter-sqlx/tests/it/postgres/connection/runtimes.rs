//! Transactions that are dropped where no runtime is, or on several runtimes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use sqlx::Postgres;
use tenancy_sqlx::{TenantDb, TenantTransaction};
use tokio::runtime::{Builder, Runtime};

use crate::postgres::connection::sessions::{TIMEOUT, is_over_soon};
use crate::postgres::support::server::{TestDatabase, bodies, bodies_of, open_row, seed, tenant};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

async fn begin(db: &TenantDb<Postgres>, turn: u32) -> TenantTransaction<Postgres> {
    let acme = tenant("acme");
    if turn.is_multiple_of(2) {
        return db.begin_read(&acme).await.unwrap();
    }
    let mut tx = db.begin(&acme).await.unwrap();
    let sql = "update notes set body = 'never seen'";
    sqlx::query(sql).execute(&mut *tx).await.unwrap();
    tx
}

/// On a thread that has no runtime; during a panic, too, where a second panic would end the process. No place in the
/// pool is lost.
#[test]
fn a_transaction_is_dropped_outside_of_a_runtime() {
    let runtime = runtime();
    let (database, db) = runtime.block_on(async {
        let database = TestDatabase::new().await;
        let db = open_row(&database, 2).await;
        seed(&db, &["acme"]).await;
        (database, db)
    });
    for turn in 0..8 {
        let tx = runtime.block_on(begin(&db, turn));
        if turn % 4 < 2 {
            drop(tx);
        } else {
            let unwound = catch_unwind(AssertUnwindSafe(move || {
                let _tx = tx;
                panic!("a handler's");
            }));
            assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&"a handler's"));
        }
        // As many as there may be, at a time.
        runtime.block_on(async {
            let (mut one, mut other) = (begin(&db, 0).await, begin(&db, 0).await);
            assert_eq!(bodies(&mut one).await, ["of acme"]);
            assert_eq!(bodies(&mut other).await, ["of acme"]);
        });
    }
    runtime.block_on(is_over_soon(&database));
    // Nor after the end of the runtime.
    let txs = runtime.block_on(async { [begin(&db, 0).await, begin(&db, 1).await] });
    drop(runtime);
    drop(txs);
    drop((db, database));
}

/// What it has left a moment before its end goes back: neither a place in the pool is lost nor a transaction left open.
#[test]
fn a_runtime_that_ends_gives_back_what_it_left() {
    // It goes on while nobody waits for it, and gives back what its own tasks leave.
    let lasting = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (database, db) = lasting.block_on(async {
        let database = TestDatabase::new().await;
        let db = open_row(&database, 2).await;
        seed(&db, &["acme"]).await;
        (database, db)
    });
    for turn in 0..8 {
        let ending = if turn < 4 {
            runtime()
        } else {
            Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap()
        };
        let left = async {
            match turn % 4 {
                // Dropped while it is open, for the next one to use.
                0 => drop(begin(&db, 0).await),
                1 => begin(&db, 0).await.commit().await.unwrap(),
                2 => db.begin(&tenant("acme")).await.unwrap().commit().await.unwrap(),
                // Ended by a task that the end of the runtime drops.
                _ => {
                    let tx = begin(&db, 0).await;
                    tokio::spawn(async move {
                        let _tx = tx;
                        std::future::pending::<()>().await;
                    });
                    tokio::task::yield_now().await;
                }
            }
        };
        ending.block_on(left);
        drop(ending);
        // As many as there may be, at a time.
        lasting.block_on(async {
            let (mut one, mut other) = (begin(&db, 0).await, begin(&db, 0).await);
            assert_eq!(bodies(&mut one).await, ["of acme"], "turn {turn}");
            assert_eq!(bodies(&mut other).await, ["of acme"], "turn {turn}");
        });
    }
    lasting.block_on(is_over_soon(&database));
}

/// A runtime that stands still keeps no transaction of another's open.
#[test]
fn a_runtime_that_stands_still_holds_up_no_other() {
    let (first, second) = (runtime(), runtime());
    let (database, db) = first.block_on(async {
        let database = TestDatabase::new().await;
        let db = open_row(&database, 4).await;
        seed(&db, &["acme"]).await;
        (database, db)
    });
    let (stand_still, is_standing_still) = (mpsc::channel::<()>(), mpsc::channel::<()>());
    let stopped = {
        let db = db.clone();
        thread::spawn(move || {
            first.block_on(async {
                // What this one leaves open is its own; it gives it back before it stands still.
                assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
                let tx = begin(&db, 1).await;
                drop(tx);
                tokio::time::sleep(Duration::from_millis(50)).await;
                let tx = begin(&db, 1).await;
                tx.commit().await.unwrap();
                is_standing_still.0.send(()).unwrap();
                stand_still.1.recv().unwrap();
            });
        })
    };
    is_standing_still.1.recv().unwrap();
    second.block_on(async {
        for _ in 0..3 {
            // Dropped while it is open, for the next one to use.
            assert!(!bodies_of(&db, "acme").await.is_empty());
        }
        let reading = "select count(*) from pg_stat_activity where usename = $1 and state like 'idle in transaction%'
            and query like 'select body from notes%'";
        // What another role's sessions do is hidden from an ordinary one.
        let mut administrator = database.superuser().await;
        let started = Instant::now();
        loop {
            let open: i64 = sqlx::query_scalar(reading)
                .bind(database.application_role())
                .fetch_one(&mut administrator)
                .await
                .unwrap();
            if open == 0 {
                break;
            }
            assert!(started.elapsed() < TIMEOUT, "{open} transactions are left open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    stand_still.0.send(()).unwrap();
    stopped.join().unwrap();
}

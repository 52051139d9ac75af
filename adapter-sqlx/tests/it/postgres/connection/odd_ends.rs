//! Transactions that end where few do: with their runtime, after odd statements, after settings of every kind.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use sqlx::Postgres;
use tenancy_sqlx::TenantTransaction;
use tokio::runtime::{Builder, Runtime};

use crate::postgres::connection::foreign_errors::Logged;
use crate::postgres::connection::sessions::is_over_soon;
use crate::postgres::support::server::{TestDatabase, bodies, bodies_of, open_row, seed, tenant};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A service's tests share one `TenantDb`, and each has a runtime of its own. What a runtime used last is not lost with
/// it, neither to the pool nor to the rows that it has locked.
#[test]
fn connections_outlive_the_runtime_that_used_them_last() {
    let first = runtime();
    let (database, db) = first.block_on(async {
        let database = TestDatabase::new().await;
        let db = open_row(&database, 1).await;
        seed(&db, &["acme"]).await;
        (database, db)
    });
    drop(first);
    let two_threads = || {
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    };
    for turn in 0..8 {
        let runtime = if turn % 2 == 0 { runtime() } else { two_threads() };
        runtime.block_on(async {
            // Dropped while it is open, or committed; and not given back before the runtime ends.
            assert_eq!(bodies_of(&db, "acme").await, ["of acme"], "turn {turn}");
            if turn % 4 < 2 {
                db.begin(&tenant("acme")).await.unwrap().commit().await.unwrap();
            }
        });
        if turn % 3 == 0 {
            runtime.shutdown_background();
        }
    }
    runtime().block_on(async {
        is_over_soon(&database).await;
        db.close().await;
    });
}

/// A runtime of someone else's without timers: the pool's place is free again.
#[test]
fn a_runtime_without_timers_loses_no_connection() {
    let (runtime, bare) = (runtime(), Builder::new_current_thread().build().unwrap());
    let (database, db) = runtime.block_on(async {
        let database = TestDatabase::new().await;
        let db = open_row(&database, 1).await;
        seed(&db, &["acme"]).await;
        (database, db)
    });
    for turn in 0..4 {
        let tx = runtime.block_on(async {
            if turn % 2 == 0 {
                db.begin_read(&tenant("acme")).await.unwrap()
            } else {
                db.begin(&tenant("acme")).await.unwrap()
            }
        });
        bare.block_on(async move {
            drop(tx);
            for _ in 0..9 {
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(runtime.block_on(bodies_of(&db, "acme")), ["of acme"], "turn {turn}");
    }
    drop(database);
}

const SECRET: &str = "the secret of acme";

/// sqlx does not count the answer to a `COPY`. Where one fails or is not read to its end, what is read afterwards are the
/// answers to statements of before.
async fn leave_copies_unread(tx: &mut TenantTransaction<Postgres>, copies: u32) {
    for _ in 0..copies {
        let _ = tx
            .copy_out_raw("copy (select 'the secret of acme'::text::int) to stdout")
            .await
            .err();
        let _ = sqlx::raw_sql("rollback; begin read only; select 'the secret of acme' as body")
            .fetch_all(&mut **tx)
            .await;
        let copying = "copy (select 'the secret of acme' from generate_series(1, 3)) to stdout";
        let half = futures_util::stream::once(tx.copy_out_raw(copying)).try_flatten();
        let _ = std::pin::pin!(half).next().await;
        let _ = sqlx::query("select 'the secret of acme' as body")
            .fetch_all(&mut **tx)
            .await;
    }
}

#[tokio::test]
async fn an_answer_that_was_not_read_is_no_other_tenant_s() {
    for copies in 1..4 {
        let database = TestDatabase::new().await;
        let db = open_row(&database, 1).await;
        seed(&db, &["acme", "globex"]).await;
        let logged = Logged::default();
        let _logging = tracing::subscriber::set_default(logged.clone());
        for turn in 0..12_u64 {
            let acme = tenant("acme");
            let mut tx = if turn % 2 == 0 {
                db.begin_read(&acme).await
            } else {
                db.begin(&acme).await
            }
            .unwrap();
            leave_copies_unread(&mut tx, copies).await;
            match turn % 3 {
                0 => drop(tx),
                1 => drop(tx.commit().await),
                _ => drop(tx.rollback().await),
            }
            tokio::time::sleep(Duration::from_millis(turn / 6 * 10)).await;
            let name = format!("{copies} copies, turn {turn}");
            for _ in 0..3 {
                let mut tx = db.begin_read(&tenant("globex")).await.unwrap();
                let rows = sqlx::raw_sql("select body from notes").fetch_all(&mut *tx).await;
                let rows: Vec<String> = rows.expect(&name).iter().map(|row| sqlx::Row::get(row, 0)).collect();
                assert_eq!(rows, ["of globex"], "{name}");
                assert_eq!(bodies(&mut tx).await, ["of globex"], "{name}");
            }
            let mut tx = db.begin(&tenant("globex")).await.unwrap();
            sqlx::query("update notes set name = $1")
                .bind(&name)
                .execute(&mut *tx)
                .await
                .expect(&name);
            tx.commit().await.expect(&name);
            let mut tx = db.begin_read(&tenant("globex")).await.unwrap();
            let now: String = sqlx::query_scalar("select name from notes")
                .fetch_one(&mut *tx)
                .await
                .expect(&name);
            assert_eq!(now, name);
            // sqlx logs each statement, as it was written.
            let told = logged.lines_with(SECRET).into_iter();
            let told: Vec<String> = told.filter(|line| !line.starts_with("sqlx::query")).collect();
            assert_eq!(told, [""; 0], "{name}");
        }
    }
}
